"""What a payer has typed as the purpose becomes a merchant's reference only if the merchant might have given it. Pure."""

from datetime import UTC, datetime

import pytest

from malipo.contracts.outcomes import PaymentReceived, UnmatchedReported
from malipo.money import Money
from provider_kit import reports
from provider_kit.credentials import Account
from provider_kit.provider import ReceivedMoney

ORIGIN = reports.Origin("stripe", Account("cred_1", "mer_1", "test", "default", {}), "evt_1", "callback")
AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)


def told(purpose: str) -> PaymentReceived | UnmatchedReported:
    money = ReceivedMoney(
        reference="QK1", amount=Money(1000, "USD"), method="phone", received_at=AT, account_reference=purpose
    )
    return reports.received(money, ORIGIN)


@pytest.mark.parametrize("purpose", ["ORDER7", "Order 7, for Ana", "x" * 100])
def test_a_purpose_that_a_merchant_might_have_given_is_its_reference(purpose):
    report = told(purpose)
    assert isinstance(report, PaymentReceived)
    assert report.account_reference == purpose


@pytest.mark.parametrize(
    ("purpose", "read"),
    [
        ("4242 4242 4242 4242", "[redacted]"),
        ("my card 4242424242424242", "my card [redacted]"),
        ("line\r\nbreak\x1b[2J", "line  break [2J"),
        ("x" * 101, "x" * 101),
        ("", ""),
    ],
)
def test_any_other_purpose_leaves_the_money_to_a_person_who_reads_it_cleaned(purpose, read):
    report = told(purpose)
    assert isinstance(report, UnmatchedReported)
    assert report.description == read
