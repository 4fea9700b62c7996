"""The replica of merchants' credentials: ciphertext in the table, decrypted when a call needs it, and kept a moment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec

from malipo import clock
from malipo.contracts.commands import Mode
from malipo.contracts.config import Credential, MerchantConfigured, secret_owner
from malipo.contracts.descriptor import ProviderDescriptor
from malipo.contracts.message import Message
from malipo.messaging.database import Database
from malipo.messaging.pool import Row
from malipo.messaging.subscription import Received
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.messaging.writes import arrays, insert, names, statement
from malipo.platform.callback_paths import callback_owner, callback_path, own_callback_owner, own_path
from malipo.platform.logs import log
from malipo.platform.recent import Recent
from malipo.platform.secrets import KeyRing, SecretUnreadable
from provider_kit.provider import Credentials
from provider_kit.shared import MOST_NAMED, SharedAddress
from provider_kit.tables import CREDENTIAL_NAMES, CREDENTIALS, MERCHANTS

_KEPT_SECONDS = 0.4
"""So that credentials which were replaced or deleted are used by no replica for longer than half a second."""
_KEPT_CREDENTIALS = 10_000

# An equal version is applied as well: to publish a configuration once more mends a replica that was damaged.
_APPLY_VERSIONS = f"""
INSERT INTO merchants ({names(MERCHANTS.c)}) SELECT * FROM unnest({arrays(MERCHANTS.c)})
ON CONFLICT (merchant_id) DO UPDATE SET version = excluded.version WHERE merchants.version <= excluded.version
RETURNING merchant_id
"""  # noqa: S608 - names of ours
_DELETE = "DELETE FROM credentials WHERE merchant_id = ANY($1::text[])"
_INSERT = statement((insert(CREDENTIALS),))
_INSERT_NAMES = statement((insert(CREDENTIAL_NAMES),))
_NAMED = "SELECT credential_id FROM credential_names WHERE name = $1 ORDER BY credential_id LIMIT $2"
# Only what is not running now: rows under a lease are changed by the process that renews it, which locks them in another
# order. And only what waits for a configuration: an attempt that waits for the provider goes on waiting, however often
# the same configuration is sent.
_WAKE_WAITING = """
UPDATE attempts SET due_at = now()
WHERE merchant_id = ANY($1::text[]) AND done_at IS NULL AND lease_token IS NULL
  AND split_part(problem, ':', 1) IN ('configuration_behind', 'provider_misconfigured')
RETURNING 1
"""
_FIND = """
SELECT m.version, c.id, c.ciphertext FROM merchants m
LEFT JOIN credentials c ON c.merchant_id = m.merchant_id AND c.mode = $2 AND c.label = $3
WHERE m.merchant_id = $1
"""
_IDS = "SELECT id FROM credentials ORDER BY id"
_BY_ID = """
SELECT m.version, c.id, c.ciphertext, c.merchant_id, c.mode, c.label FROM credentials c JOIN merchants m USING (merchant_id)
WHERE c.id = $1
"""


class ReplicaBehind(Exception):
    """The command relies on a configuration that has not arrived here yet: wait for it."""


class NoCredentials(Exception):
    """The merchant has no account with this label at this provider in this mode, or there is no credential with this id."""


@dataclass(frozen=True, slots=True)
class Account:
    """A merchant's account at the provider, with its decrypted credentials. `id` is the credential's.

    `fingerprint` names the account at the provider itself, as `provider_kit.provider.fingerprint` does, where it is known:
    several labels may be of one.
    """

    id: str
    merchant_id: str
    mode: Mode
    label: str
    credentials: Credentials = field(repr=False)
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class _Configured:
    """An account, and the version of the merchant's configuration that it is from."""

    version: int
    account: Account


class CredentialStore:
    """Credentials of one provider, kept up to date from the configuration topic.

    What was found is kept for less than half a second: a burst neither reads nor decrypts it for each call, and nor does the
    callback that comes right after the call.
    """

    def __init__(
        self,
        descriptor: ProviderDescriptor,
        database: Database,
        key_ring: KeyRing,
        *,
        callback_base: str = "",
        shared: SharedAddress | None = None,
    ) -> None:
        self._descriptor = descriptor
        self._database = database
        self._key_ring = key_ring
        self._callback_base = callback_base
        self._shared = shared
        self._configured = Recent[tuple[str, Mode, str], _Configured](seconds=_KEPT_SECONDS, most=_KEPT_CREDENTIALS)
        self._owned = Recent[str, Account](seconds=_KEPT_SECONDS, most=_KEPT_CREDENTIALS)
        self._named = Recent[str, Sequence[str]](seconds=_KEPT_SECONDS, most=_KEPT_CREDENTIALS)

    async def replicate(self, nudge: Callable[[], None], unit: UnitOfWork, batch: Sequence[Received[Message]]) -> None:
        """Handler of the configuration topic: each merchant's newest version replaces what is here.

        After the commit `nudge` is called if there are attempts that waited for it: they are due.
        """
        newest = _newest(batch)
        versions = [newest[merchant_id].version for merchant_id in newest]
        rows = await unit.transaction.fetch(_APPLY_VERSIONS, list(newest), versions)
        applied = [row["merchant_id"] for row in rows]  # without versions older than what is here
        ours = [(m, c) for m in applied for c in newest[m].credentials if c.provider == self._descriptor.name]
        await unit.transaction.execute(_DELETE, applied)
        await unit.transaction.execute(
            _INSERT,
            [credential.id for _, credential in ours],
            [merchant_id for merchant_id, _ in ours],
            [credential.mode for _, credential in ours],
            [credential.ciphertext for _, credential in ours],
            [credential.label for _, credential in ours],
        )
        if named := [(one.id, name) for merchant_id, one in ours for name in self._names_of(merchant_id, one)]:
            await unit.transaction.execute(_INSERT_NAMES, *zip(*named, strict=True))
        unit.after_commit(self._forget)
        if await unit.transaction.fetch(_WAKE_WAITING, applied):
            unit.after_commit(nudge)

    async def of_merchant(self, merchant_id: str, mode: Mode, label: str, version: int, *, anew: bool) -> Account:
        """The merchant's account of that version of the configuration or a later one; with `anew`, none kept here.

        Raises `ReplicaBehind`, `NoCredentials` or `SecretUnreadable`.
        """
        found = await self._configured.find(
            (merchant_id, mode, label),
            partial(self._read, merchant_id, mode, label, version),
            suits=lambda kept: kept.version >= version and not anew,
        )
        return found.account

    async def by_id(self, credential_id: str) -> Account:
        """The account that a callback's address names. Raises `NoCredentials` or `SecretUnreadable`."""
        return await self._owned.find(credential_id, partial(self._read_by_id, credential_id), suits=lambda _: True)

    async def named(self, name: str) -> Sequence[str]:
        """The credentials of the accounts that a callback names, `MOST_NAMED` at the most: see `shared`."""

        async def read() -> Sequence[str]:
            return [row["credential_id"] for row in await self._database.reads.fetch(_NAMED, name, MOST_NAMED)]

        return await self._named.find(name, read, suits=lambda _: True)

    async def ids(self) -> list[str]:
        """The credentials of all accounts that are known here."""
        return [row["id"] for row in await self._database.reads.fetch(_IDS)]

    def admits(self, credential_id: str, token: str | None) -> bool:
        """Whether the address of this account's callbacks ends with this token; an address without one admits all."""
        return token is None or self._key_ring.knows(token, callback_owner(credential_id))

    @property
    def address_key(self) -> str:
        """The id of the key that addresses are made under, for those that are to stay the same."""
        return self._key_ring.first

    def callback_path(self, account: Account, address_key: str | None = None) -> str:
        """Where the account's callbacks come to, on the address of this service."""
        return callback_path(self._descriptor, account.id, self._key_ring, address_key)

    def account_url(self, account: Account, word: str) -> str:
        """Where callbacks of the account come to that are of this kind: one of the descriptor's `account_words`, whole."""
        if word not in self._descriptor.account_words:
            raise LookupError(word)
        return f"{self._callback_base}{self.callback_path(account)}/{word}"

    def addresses(self, account: Account) -> Sequence[str]:
        """Whole addresses of the account that are answered, without a word: today's, then those under the ring's other keys."""
        return [f"{self._callback_base}{self.callback_path(account, key)}" for key in self._key_ring.all]

    def callback_url(self, account: Account, operation_id: str, request: str, address_key: str | None = None) -> str:
        """Where callbacks of this request of an operation come to, whole."""
        own = own_path(account.id, operation_id, request, self._key_ring, address_key)
        return f"{self._callback_base}{self.callback_path(account, address_key)}{own}"

    def admits_own(self, credential_id: str, operation_id: str, request: str, token: str) -> bool:
        """Whether the address of this request's own callbacks ends with this token."""
        return self._key_ring.knows(token, own_callback_owner(credential_id, operation_id, request))

    def _forget(self) -> None:
        self._configured.forget()
        self._owned.forget()
        self._named.forget()

    def _names_of(self, merchant_id: str, one: Credential) -> Sequence[str]:
        """What callbacks may name the account by. One that cannot be read has none until its configuration comes again."""
        if self._shared is None:
            return ()
        try:
            credentials = self._decrypted(one.ciphertext, secret_owner(merchant_id, one.mode, one.id))
            return sorted(set(self._shared.names_of(credentials)))
        except Exception as error:  # noqa: BLE001 - it must not stop other configurations, and may quote a secret
            log.error("account cannot be named", credential_id=one.id, error=type(error).__name__)
            return ()

    async def _read(self, merchant_id: str, mode: Mode, label: str, version: int) -> _Configured:
        asked_at = clock.monotonic()
        row = await self._database.reads.fetchrow(_FIND, merchant_id, mode, label)
        if row is None or row["version"] < version:
            raise ReplicaBehind
        if row["id"] is None:
            raise NoCredentials
        configured = self._open(row, merchant_id, mode, label)
        self._owned.learn(configured.account.id, configured.account, asked_at)
        return configured

    async def _read_by_id(self, credential_id: str) -> Account:
        asked_at = clock.monotonic()
        row = await self._database.reads.fetchrow(_BY_ID, credential_id)
        if row is None:
            raise NoCredentials
        names = row["merchant_id"], row["mode"], row["label"]
        configured = self._open(row, *names)
        self._configured.learn(names, configured, asked_at)
        return configured.account

    def _open(self, row: Row, merchant_id: str, mode: Mode, label: str) -> _Configured:
        credentials = self._decrypted(row["ciphertext"], secret_owner(merchant_id, mode, row["id"]))
        return _Configured(row["version"], Account(row["id"], merchant_id, mode, label, credentials))

    def _decrypted(self, ciphertext: str, owner: str) -> Credentials:
        plain = self._key_ring.open(ciphertext, owner=owner)
        try:
            return msgspec.json.decode(plain, type=dict[str, object])
        except msgspec.MsgspecError:
            raise SecretUnreadable from None  # without a cause: it would quote the secret


def _newest(batch: Sequence[Received[Message]]) -> dict[str, MerchantConfigured]:
    """Each merchant's highest version, in the order of merchant ids: two writers lock in the same order."""
    newest: dict[str, MerchantConfigured] = {}
    for received in batch:
        match received.message:
            case MerchantConfigured(merchant_id=merchant_id, version=version) as configured:
                known = newest.get(merchant_id)
                if known is None or known.version <= version:
                    newest[merchant_id] = configured
            case other:
                raise TypeError(type(other).__name__)
    return dict(sorted(newest.items()))
