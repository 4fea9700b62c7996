"""Wires a provider service: the same for each provider, so that the least one is a folder of five files."""

from functools import partial

from starlette.applications import Starlette

from http_limits.remote import Networks
from malipo.contracts.topics import MERCHANT_CONFIG, PERSONAL_KEYS, PROVIDER_COMMANDS
from malipo.messaging.database import Database
from malipo.messaging.runtime import Runtime
from malipo.messaging.subscription import Handler, Subscription
from malipo.platform.application import Application
from malipo.platform.secrets import KeyRing
from provider_kit import knowledge, opened, received, reminders, statement_reader, unmatched
from provider_kit.attempts import Attempts
from provider_kit.callbacks import Callbacks
from provider_kit.credentials import CredentialStore
from provider_kit.door import Door
from provider_kit.handlers import handle_batch, replicate
from provider_kit.looking import LookingAgain
from provider_kit.personal import PersonalKeys
from provider_kit.provider import Provider
from provider_kit.restored import Restored
from provider_kit.runner import AttemptRunner
from provider_kit.settings import AddressedSettings, ProviderSettings
from provider_kit.shared import SharedAddress
from provider_kit.statement import Statement
from provider_kit.statement_reader import StatementReader
from provider_kit.work import Work


def provider_service(
    provider: Provider,
    runtime: Runtime,
    settings: ProviderSettings,
    *,
    statement: Statement | None = None,
    senders: Networks = (),
    shared: SharedAddress | None = None,
) -> Application:
    """One provider service: commands in, calls out, outcomes out, callbacks in.

    `statement` reads what an account reports that no callback brings. `senders` are the networks that callbacks may come from,
    by the client's address as `TRUSTED_PROXIES` lets it be known; without any, from all. `shared` finds the account of what
    comes to the one address of all accounts, if the descriptor has it.
    """
    name = provider.descriptor.name
    attempts = Attempts(runtime.database, Restored(settings.restored_at))
    key_ring = KeyRing.parse(settings.key_ring.get_secret_value())
    base = settings.callback_base_url if isinstance(settings, AddressedSettings) else ""
    if provider.descriptor.own_addresses and not base:
        msg = "the settings of a provider with `own_addresses` are `AddressedSettings`"
        raise TypeError(msg)
    credentials = CredentialStore(provider.descriptor, runtime.database, key_ring, callback_base=base, shared=shared)
    keys = PersonalKeys(provider.descriptor, runtime.database, key_ring)
    runner = AttemptRunner(
        provider, attempts, credentials, keys, runtime.database, lease_seconds=settings.lease_seconds
    )
    work = runner.work
    handle = partial(handle_batch, name, attempts, work)
    runtime.subscribe(*subscriptions(name, handle, partial(replicate, credentials, keys, work)), called=True)
    for concerns in unmatched.FOR_A_PERSON:  # an alert on the first needs a zero before it
        unmatched.UNMATCHED.labels(name, concerns)
    runtime.loop("operations", partial(_run_operations, runtime.database, attempts, work))
    runtime.loop("queries", work.queries.run)
    runtime.sweep("reminders", reminders.LOOK_SECONDS, reminders.remind)
    runtime.sweep("opened", opened.LOOK_SECONDS, LookingAgain(opened.OpenedOperations(name), work.queries.nudge).look)
    runtime.sweep("received", received.LOOK_SECONDS, LookingAgain(received.Explaining(name), work.queries.nudge).look)
    runtime.purge_after(unmatched.PURGE, unmatched.OTHERS_DAYS)
    runtime.purge_after(knowledge.PURGE_CLAIMS, knowledge.CLAIM_DAYS)
    door = Door(provider, runtime.database, keys, work.queries.nudge)
    hasten = None
    if statement is not None:
        reader = StatementReader(
            provider, statement, credentials, door, runtime.database, lease_seconds=settings.lease_seconds
        )
        runtime.sweep("statements' accounts", statement_reader.ADMIT_SECONDS, reader.admit)
        runtime.loop("statements", reader.executor.run)
        hasten = reader.hasten
    callbacks = Callbacks(provider, credentials, door, senders=senders, hasten=hasten, shared=shared)
    public = Starlette(routes=callbacks.routes())
    public.router.redirect_slashes = False  # such an answer names whatever host the asker has named
    return runtime.application(public)


def subscriptions(provider: str, handle: Handler, keep: Handler) -> tuple[Subscription, ...]:
    """What the service of a provider consumes: operations, and what it has to know of merchants and of who pays."""
    return (
        Subscription("commands", (PROVIDER_COMMANDS[provider],), handle),
        Subscription("config", (MERCHANT_CONFIG, PERSONAL_KEYS), keep),
    )


async def _run_operations(database: Database, attempts: Attempts, work: Work) -> None:
    """Run them, once it is known what a restored database does not know of."""
    if attempts.restored.at:
        async with database.begin() as unit:
            await attempts.restored.mark(unit.transaction)
    await work.operations.run()
