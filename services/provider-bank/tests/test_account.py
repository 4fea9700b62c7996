"""An account and its partner: what does not fit is told with what to do, and what names an account stays."""

import pytest
from bank_samples import BY_KEY, CREDENTIALS, PARTNERS

from provider_bank.account import access_of, read_account
from provider_kit.errors import Misconfigured


@pytest.mark.parametrize(
    ("changes", "mode", "reason"),
    [
        ({"partner": "elsewhere"}, "test", "no partner bank `elsewhere`"),
        ({}, "live", "is for test mode"),
        ({"oauth": None, "api_key": "key"}, "test", "authenticates by `oauth`"),
        ({"partner": "by-key"}, "test", "authenticates by `api_key`"),
        ({"debtor_account_id": None}, "test", "cannot be read"),
        ({"partner": "by-key", "oauth": None, "api_key": "schlüssel"}, "test", "no header takes"),
    ],
)
def test_what_does_not_fit_is_told_with_what_to_do(changes, mode, reason):
    with pytest.raises(Misconfigured, match=reason) as refused:
        access_of(CREDENTIALS | changes, mode, PARTNERS)
    assert "shop-secret" not in repr(refused.value)


def test_an_account_is_the_same_whatever_opens_it():
    renewed = CREDENTIALS | {"oauth": {"client_id": "second", "client_secret": "another"}, "webhook_keys": []}
    assert read_account(renewed).identity == read_account(CREDENTIALS).identity
    assert read_account(BY_KEY).identity != read_account(CREDENTIALS).identity
    assert read_account(CREDENTIALS | {"debtor_account_id": "acc-2"}).identity != read_account(CREDENTIALS).identity


def test_the_access_shows_nothing_that_opens_the_account():
    assert "shop-secret" not in repr(access_of(CREDENTIALS, "test", PARTNERS))
