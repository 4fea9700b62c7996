"""What a provider's service tells of an account that it has registered there: shown with the account's credentials."""

from datetime import UTC, datetime, timedelta

from malipo.contracts.accounts import AccountRegistered, Registration
from malipo.contracts.topics import PROVIDER_ACCOUNTS

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
CREDENTIALS = "/v1/provider-credentials/stripe"


def registered(shown: dict, merchant, at: datetime, **changes) -> AccountRegistered:
    """That `events` is registered of this account, as its provider's service tells it at `at`."""
    facts = {
        "credential_id": shown["id"],
        "merchant_id": merchant.id,
        "provider": "stripe",
        "about": {"secret_key": shown["credentials"]["secret_key"]},
        "registrations": (Registration(name="events", registered_at=at),),
        "observed_at": at,
    }
    return AccountRegistered(**facts | changes)


async def shows(merchant) -> list[dict]:
    return (await merchant.get(CREDENTIALS)).json()["registered"]


async def test_what_is_registered_at_the_provider_is_shown_with_the_credentials(gateway, merchant):
    shown = (await merchant.get(CREDENTIALS)).json()
    assert shown["registered"] == []
    await gateway.receive(registered(shown, merchant, NOON), topic=PROVIDER_ACCOUNTS)
    assert await shows(merchant) == [{"name": "events", "registered_at": "2026-11-27T12:00:00Z"}]


async def test_an_older_report_of_what_is_registered_changes_nothing(gateway, merchant):
    shown = (await merchant.get(CREDENTIALS)).json()
    later = registered(shown, merchant, NOON, registrations=())
    earlier = registered(shown, merchant, NOON - timedelta(hours=1))
    await gateway.receive(later, earlier, topic=PROVIDER_ACCOUNTS)
    await gateway.receive(earlier, topic=PROVIDER_ACCOUNTS)
    assert await shows(merchant) == []


async def test_credentials_of_another_account_have_nothing_registered(gateway, merchant, make):
    shown = (await merchant.get(CREDENTIALS)).json()
    await gateway.receive(registered(shown, merchant, NOON), topic=PROVIDER_ACCOUNTS)
    await merchant.send("PUT", CREDENTIALS, {"secret_key": "sk_test_of_another_account"})
    assert await shows(merchant) == []
    await merchant.send("PUT", CREDENTIALS, make.credentials)
    assert len(await shows(merchant)) == 1


async def test_what_is_registered_of_a_deleted_account_is_no_matter(gateway, merchant):
    shown = (await merchant.get(CREDENTIALS)).json()
    await merchant.send("DELETE", CREDENTIALS)
    await gateway.receive(registered(shown, merchant, NOON), topic=PROVIDER_ACCOUNTS)
    assert (await merchant.get(CREDENTIALS)).status_code == 404
