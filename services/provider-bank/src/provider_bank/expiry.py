"""When the client certificates of accounts expire, told by partner before that stops payments."""

from prometheus_client import Gauge

from malipo.messaging.database import Database
from malipo.platform.secrets import SecretUnreadable
from provider_bank.account import read_account
from provider_bank.certificates import leaf
from provider_kit.credentials import CredentialStore, NoCredentials
from provider_kit.errors import Misconfigured

LOOK_SECONDS = 900.0

NOT_AFTER = Gauge(
    "malipo_bank_certificate_not_after_seconds",
    "Unix time at which the first of a partner's client certificates expires; no account with a later one counts. Alert when it"
    " is less than two weeks ahead.",
    ("partner",),
)


class Expiry:
    """Looks through the certificates of all accounts. What cannot be read is told where it is used."""

    def __init__(self, credentials: CredentialStore) -> None:
        self._credentials = credentials

    async def look(self, _database: Database) -> None:
        """Set the metric anew."""
        earliest: dict[str, float] = {}
        for credential_id in await self._credentials.ids():
            if found := await self._of(credential_id):
                partner, seconds = found
                earliest[partner] = min(seconds, earliest.get(partner, seconds))
        NOT_AFTER.clear()
        for partner, seconds in earliest.items():
            NOT_AFTER.labels(partner).set(seconds)

    async def _of(self, credential_id: str) -> tuple[str, float] | None:
        try:
            account = read_account((await self._credentials.by_id(credential_id)).credentials)
            if account.certificate is None:
                return None
            return account.partner, leaf(account.certificate.certificate).not_valid_after_utc.timestamp()
        except (NoCredentials, SecretUnreadable, Misconfigured):
            return None
