"""The operator's commands: merchants, API keys, and sending the configuration again."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, cast, get_args

import asyncpg
import typer

from gateway.accounts import configuration, store
from gateway.accounts.resealing import reseal
from gateway.edge import authentication
from gateway.payments.recalling import recall
from gateway.settings import Settings
from malipo import clock
from malipo.contracts.commands import Mode
from malipo.messaging import operator_command
from malipo.messaging.database import Database
from malipo.messaging.kafka_command import NotDone
from malipo.messaging.security import KafkaAccess
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.platform import settings
from malipo.platform.secrets import KeyRing, SecretUnreadable

_Row = dict[str, Any]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_merchants = typer.Typer(help="Businesses that take payments.", no_args_is_help=True)
_keys = typer.Typer(help="Their API keys.", no_args_is_help=True)
_config = typer.Typer(help="Their configuration, as other services hold it.", no_args_is_help=True)


def add_commands(cli: typer.Typer) -> None:
    """Add the operator's commands to the service's."""
    cli.add_typer(_merchants, name="merchant")
    cli.add_typer(_keys, name="key")
    cli.add_typer(_config, name="config")
    cli.command("recall")(recall_keys)


@_merchants.command("create")
def create_merchant(
    name: str,
    test_key: Annotated[bool, typer.Option("--test-key", help="Make its first key for tests, too.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Make a merchant."""
    if not name.strip() or not name.isprintable():
        operator_command.fail("give the merchant a name, in printable characters")
    key_id, key = authentication.new_key("test")

    async def add(unit: UnitOfWork) -> tuple[str, list[str]]:
        others = await store.merchants_named(unit.transaction, name)
        merchant_id = await store.add_merchant(unit.transaction, name)
        if test_key:
            digest, scopes = authentication.digest(key), list(authentication.SCOPES)
            await store.add_key(
                unit.transaction, key_id, merchant_id, "test", digest=digest, scopes=scopes, expires_days=None
            )
        return merchant_id, others

    merchant_id, others = _write(add)
    made = {"id": merchant_id, "name": name}
    _print(made | ({"key": key} if test_key else {}), as_json=as_json)
    if others:
        note = f"the name {name} was there before, of {', '.join(others)}; names may repeat, ids never do"
        typer.echo(f"note: {note}", err=True)


@_merchants.command("list")
def list_merchants(as_json: _AsJson = False) -> None:
    """List all merchants."""
    _print([asdict(merchant) for merchant in _merchants_there()], as_json=as_json, empty="there is no merchant yet")


@_keys.command("create")
def create_key(
    merchant: Annotated[str, typer.Argument(help="The merchant's id, mer_...")],
    mode: Annotated[str, typer.Option(metavar="test|live", help="Test keys see test data alone.")] = "test",
    scope: Annotated[list[str] | None, typer.Option(help="May be given several times; without it, all.")] = None,
    expires_days: Annotated[int | None, typer.Option(min=1, max=3650, help="Days until it expires.")] = None,
    as_json: _AsJson = False,
) -> None:
    """Make an API key and print it: it can never be seen again."""
    if mode not in get_args(Mode):
        operator_command.fail(f"there is no mode {mode}: give test or live")
    scopes = scope or list(authentication.SCOPES)
    if unknown := set(scopes) - set(authentication.SCOPES):
        operator_command.fail(
            f"unknown scope {', '.join(sorted(unknown))}; there are: {', '.join(authentication.SCOPES)}"
        )
    key_id, key = authentication.new_key(cast("Mode", mode))
    try:
        expires_at = _write(
            lambda unit: store.add_key(
                unit.transaction,
                key_id,
                merchant,
                cast("Mode", mode),
                digest=authentication.digest(key),
                scopes=scopes,
                expires_days=expires_days,
            )
        )
    except asyncpg.ForeignKeyViolationError:
        operator_command.fail(_no_merchant(merchant))
    _print({"id": key_id, "key": key, "mode": mode, "scopes": scopes, "expires_at": expires_at}, as_json=as_json)


@_keys.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="The key's id, key_...")], as_json: _AsJson = False) -> None:
    """Revoke an API key for ever, on every replica within a second."""
    if not _write(lambda unit: store.revoke_key(unit.transaction, key_id)):
        operator_command.fail(f"no key {key_id}; `key list MERCHANT` shows those there are")
    _print({"id": key_id, "revoked": True}, as_json=as_json)


@_keys.command("list")
def list_keys(
    merchant: Annotated[str, typer.Argument(help="The merchant's id, mer_...")], as_json: _AsJson = False
) -> None:
    """List a merchant's API keys, without their secrets."""
    found = operator_command.run(Settings, lambda database: store.list_keys(database.reads, merchant))
    if not found and merchant not in {one.id for one in _merchants_there()}:
        operator_command.fail(_no_merchant(merchant))
    _print([asdict(key) for key in found], as_json=as_json, empty=f"{merchant} has no key yet")


def recall_keys(
    since: Annotated[datetime, typer.Option(help="From when on, UTC.", formats=["%Y-%m-%dT%H:%M:%SZ"])],
) -> None:
    """Remember idempotency keys, and charges of saved methods, after a restore.

    Those of requests since then that became commands, which Kafka still has: for a database that was restored to an earlier
    moment. A repeat gets what the first request made, and what was charged counts in its series.
    """
    kafka = KafkaAccess.of(settings.load(Settings))
    moment = since.replace(tzinfo=UTC)
    try:
        number = operator_command.run(Settings, lambda database: recall(database, kafka, moment))
    except NotDone as error:
        operator_command.fail(f"not recalled: {error}")
    _print({"requests": number}, as_json=False)


@_config.command("republish")
def republish(as_json: _AsJson = False) -> None:
    """Send all configurations again, for a service that lost them. It is harmless to the others."""
    _publish_all(0, as_json=as_json)


@_config.command("overtake")
def overtake(as_json: _AsJson = False) -> None:
    """After a restore, make all configurations newer.

    A database that was restored to an earlier moment counts anew versions that others have heard of: they would drop as old what
    is configured now, and wait for versions that are gone.
    """
    _publish_all(configuration.FORGOTTEN_VERSIONS, as_json=as_json)


def _publish_all(versions: int, *, as_json: bool) -> None:
    """Send all configurations, as so many versions newer than they are."""

    async def publish_all(database: Database) -> int:
        merchants = await store.list_merchants(database.reads)
        for merchant in merchants:
            async with database.begin() as unit:  # one each: a merchant's row stays locked until its commit
                await configuration.advance(unit, merchant.id, versions)
                await configuration.publish(unit, merchant.id)
        return len(merchants)

    _print({"merchants": operator_command.run(Settings, publish_all)}, as_json=as_json)


@_config.command("reseal")
def reseal_all(as_json: _AsJson = False) -> None:
    """Seal all secrets under KEY_RING's first key.

    Credentials and webhook secrets of all merchants: then an older key may leave the ring.
    """
    key_ring = KeyRing.parse(settings.load(Settings).key_ring.get_secret_value())

    async def all_of_them(database: Database) -> int:
        number = 0
        for merchant in await store.list_merchants(database.reads):
            async with database.begin() as unit:
                number += await reseal(unit, merchant.id, key_ring)
        return number

    try:
        number = operator_command.run(Settings, all_of_them)
    except SecretUnreadable:
        operator_command.fail(
            "a secret is under a key that KEY_RING does not have: give it all keys that ever were the first"
        )
    _print({"resealed": number}, as_json=as_json)


def _merchants_there() -> list[store.Merchant]:
    return operator_command.run(Settings, lambda database: store.list_merchants(database.reads))


def _no_merchant(merchant_id: str) -> str:
    return f"no merchant {merchant_id}; `merchant list` shows those there are"


def _write[T](work: Callable[[UnitOfWork], Awaitable[T]]) -> T:
    async def in_one_transaction(database: Database) -> T:
        async with database.begin() as unit:
            return await work(unit)

    return operator_command.run(Settings, in_one_transaction)


def _print(answer: _Row | list[_Row], *, as_json: bool, empty: str = "") -> None:
    """Print rows; of none, say so in the words of `empty`."""
    if not answer:
        typer.echo(empty, err=True)
    if as_json:
        typer.echo(json.dumps(answer, default=_plain))
        return
    for row in answer if isinstance(answer, list) else [answer]:
        typer.echo("\n".join(f"{name:15} {_plain(value)}" for name, value in row.items()) + "\n")


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return clock.iso(value)
    return ", ".join(cast("list[str]", value)) if isinstance(value, list) else str(value)
