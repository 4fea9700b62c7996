"""Wires a provider service: the same for each provider, so that one is a folder of five files."""

from functools import partial

from starlette.applications import Starlette

from malipo.contracts.topics import MERCHANT_CONFIG, PROVIDER_COMMANDS
from malipo.messaging.runtime import Runtime
from malipo.messaging.subscription import Subscription
from malipo.platform.secrets import KeyRing
from malipo.platform.settings import ServiceSettings
from provider_kit import reminders, unmatched
from provider_kit.attempts import Attempts
from provider_kit.callbacks import Callbacks
from provider_kit.caller import Caller
from provider_kit.credentials import Credentials
from provider_kit.provider import Provider
from provider_kit.withdrawals import Intake


def provider_service(provider: Provider, runtime: Runtime, settings: ServiceSettings) -> Starlette:
    """The application of one provider service: commands in, calls out, outcomes out, callbacks in."""
    attempts = Attempts(runtime.units)
    credentials = Credentials(provider.name, runtime.units, KeyRing.parse(settings.key_ring.get_secret_value()))
    caller = Caller(provider, attempts, credentials, runtime.units, lease_seconds=settings.lease_seconds)
    nudge = caller.nudge
    intake = Intake(provider.name, attempts, nudge)
    runtime.subscribe(
        Subscription("commands", (PROVIDER_COMMANDS[provider.name],), intake.take),
        Subscription("config", (MERCHANT_CONFIG,), partial(credentials.replicate, nudge)),
    )
    runtime.loop("orders", caller.orders.run)
    runtime.loop("queries", caller.queries.run)
    runtime.loop("reminders", lambda: reminders.run(runtime.units))
    runtime.forget(unmatched.PURGE, unmatched.OTHERS_DAYS)
    return runtime.app([Callbacks(provider, attempts, credentials, runtime.units).route()])
