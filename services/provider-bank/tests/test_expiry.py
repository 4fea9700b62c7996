"""When client certificates expire is shown by partner, whichever account's is the first."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bank_certificates import given
from bank_samples import CREDENTIALS
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import REGISTRY

from malipo import clock
from provider_bank.expiry import Expiry
from provider_kit.credentials import Account, NoCredentials

KEY = ec.generate_private_key(ec.SECP256R1())
SOON, LATER = clock.now() + timedelta(days=3), clock.now() + timedelta(days=300)


@dataclass
class Accounts:
    """Credentials by id; None for those that have gone meanwhile."""

    known: dict[str, dict[str, Any] | None]

    async def ids(self) -> list[str]:
        return list(self.known)

    async def by_id(self, credential_id: str) -> Account:
        credentials = self.known[credential_id]
        if credentials is None:
            raise NoCredentials
        return Account(credential_id, "mer_1", "live", "default", credentials)


def with_certificate(partner: str, not_after) -> dict[str, Any]:
    one = given(KEY, not_after=not_after)
    own = {"certificate": one.certificate, "private_key": one.private_key, "key_id": one.key_id}
    return {"partner": partner, "debtor_account_id": "acc-1", "certificate": own}


def shown(partner: str) -> float | None:
    return REGISTRY.get_sample_value("malipo_bank_certificate_not_after_seconds", {"partner": partner})


async def test_the_first_to_expire_counts_and_what_cannot_be_read_hides_no_other():
    accounts = Accounts(
        {
            "a": with_certificate("trust", LATER),
            "b": with_certificate("trust", SOON),
            "c": with_certificate("other", LATER),
            "d": CREDENTIALS,
            "e": None,
            "f": {"nothing": "of it"},
        }
    )
    await Expiry(accounts).look(None)
    assert (shown("trust"), shown("other")) == (int(SOON.timestamp()), int(LATER.timestamp()))
    assert shown("default") is None


async def test_one_that_was_replaced_is_shown_no_more():
    accounts = Accounts({"a": with_certificate("trust", SOON)})
    await Expiry(accounts).look(None)
    accounts.known = {"a": with_certificate("trust", LATER)}
    await Expiry(accounts).look(None)
    assert shown("trust") == int(LATER.timestamp())
    accounts.known = {}
    await Expiry(accounts).look(None)
    assert shown("trust") is None
