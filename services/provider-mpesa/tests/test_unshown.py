"""A prompt of which neither an answer nor a callback came ends by the account's statement, once that has had its time."""

from datetime import timedelta

import pytest
from mpesa_samples import SETTLE, TILL, attempt, charge, provider

from malipo.contracts.outcomes import Declined, Unknown
from provider_kit.provider import Ages

pytestmark = pytest.mark.asyncio


async def outcome(known_for: timedelta | None, **changes: object):
    """Of a query. M-Pesa cannot be asked without a name, so that no client is needed."""
    ages = Ages(key_age=timedelta(days=1), statement_for=known_for)
    return await provider(http=None).query(attempt(charge(), ages=ages, **changes))


async def test_what_the_statement_does_not_show_in_time_was_not_paid():
    ended = await outcome(SETTLE)
    assert isinstance(ended, Declined)
    assert ended.code == "provider_error"


@pytest.mark.parametrize(
    ("known_for", "changes"),
    [
        (None, {}),
        (SETTLE - timedelta(seconds=1), {}),
        (SETTLE, {"same_account": False}),
        (SETTLE, {"credentials": TILL}),
    ],
    ids=["no statement", "it may show yet", "another account's statement", "a till's rows name nothing of ours"],
)
async def test_else_it_stays_in_doubt(known_for, changes):
    assert isinstance(await outcome(known_for, **changes), Unknown)
