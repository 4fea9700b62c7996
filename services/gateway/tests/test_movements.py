"""What has moved the balance of an account: shown with its payment, and added up for a day."""

from datetime import UTC, datetime, timedelta

import pytest

from malipo import clock, ids
from malipo.contracts.movements import Movement, MovementsReported
from malipo.contracts.topics import MOVEMENTS

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
DAY = "/v1/reports/daily?day=2026-11-27"
NOTHING = {"count": 0, "amount": 0, "fee": 0, "net": 0}


def moved(amount: int = 1250, fee: int = 66, **changes) -> Movement:
    facts = {"id": "txn_1", "kind": "charge", "currency": "USD", "amount": amount, "fee": fee, "net": amount - fee}
    return Movement(**facts | {"moved_at": NOON, "reference": "ch_1"} | changes)


def report(merchant, *movements: Movement, **changes) -> MovementsReported:
    facts = {"merchant_id": merchant.id, "mode": "test", "provider": "stripe", "account": "default"}
    return MovementsReported(**facts | changes, movements=movements, observed_at=clock.now())


@pytest.fixture
async def paid(gateway, merchant) -> str:
    """A payment of 12.50 USD that is completed."""
    payment = (await merchant.pay()).json()
    await gateway.receive(gateway.step(merchant, payment, provider_reference="pi_1"))
    return payment["id"]


async def payment_of(merchant, payment_id: str) -> dict:
    return (await merchant.get(f"/v1/payments/{payment_id}")).json()


async def movements_of(merchant, payment_id: str) -> list[dict]:
    return (await merchant.get(f"/v1/payments/{payment_id}/movements")).json()["movements"]


async def day(merchant) -> dict:
    response = await merchant.get(DAY)
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_payment_shows_what_its_provider_has_kept_of_it(gateway, merchant, paid):
    assert "settled" not in await payment_of(merchant, paid)
    back = moved(-250, 0, id="txn_2", kind="refund", reference="re_1", operation_id="ref_1", payment_id=paid)
    await gateway.receive(report(merchant, moved(payment_id=paid), back), topic=MOVEMENTS)
    assert (await payment_of(merchant, paid))["settled"] == [{"currency": "USD", "amount": 1000, "fee": 66, "net": 934}]
    shown = [(one["kind"], one["operation_id"], one["net"]) for one in await movements_of(merchant, paid)]
    assert shown == [("charge", None, 1184), ("refund", "ref_1", -250)]


async def test_what_is_settled_in_another_currency_is_shown_in_that_with_its_exchange_rate(gateway, merchant, paid):
    euros = moved(1137, 60, currency="EUR", exchange_rate="0.909600", payment_id=paid)
    await gateway.receive(report(merchant, euros), topic=MOVEMENTS)
    assert (await payment_of(merchant, paid))["settled"] == [
        {"currency": "EUR", "amount": 1137, "fee": 60, "net": 1077}
    ]
    (shown,) = await movements_of(merchant, paid)
    assert (shown["exchange_rate"], shown["currency"]) == ("0.909600", "EUR")
    assert (await day(merchant))["differing"] == []


async def test_a_movement_that_is_told_again_counts_once_and_gets_its_payment(gateway, merchant, paid):
    await gateway.receive(report(merchant, moved()), topic=MOVEMENTS)
    assert "settled" not in await payment_of(merchant, paid)
    assert (await day(merchant))["accounts"][0]["suspense"] == {"count": 1, "amount": 1250, "fee": 66, "net": 1184}
    known, refund = moved(payment_id=paid), moved(payment_id=paid, operation_id="ref_1")
    await gateway.receive(report(merchant, moved()), report(merchant, known), topic=MOVEMENTS)
    await gateway.receive(report(merchant, refund), topic=MOVEMENTS)
    for older in (known, moved()):
        await gateway.receive(report(merchant, older), topic=MOVEMENTS)
    (shown,) = await movements_of(merchant, paid)
    assert (shown["payment_id"], shown["operation_id"]) == (paid, "ref_1")
    (account,) = (await day(merchant))["accounts"]
    assert (account["matched"]["count"], account["suspense"]) == (1, NOTHING)


async def test_nobody_sees_the_movements_of_others(gateway, merchant, paid):
    other = await gateway.merchant()
    await gateway.receive(report(other, moved(payment_id=paid)), topic=MOVEMENTS)
    assert "settled" not in await payment_of(merchant, paid)
    assert await movements_of(merchant, paid) == []
    assert (await other.get(f"/v1/payments/{paid}/movements")).status_code == 404
    assert (await day(merchant))["accounts"] == []
    live = await gateway.key_of(other.id, mode="live")
    assert (await day(live))["accounts"] == []


async def test_a_day_adds_up_to_what_the_balance_has_changed_by(gateway, merchant, paid):
    before = NOON.replace(hour=0) - timedelta(seconds=1)
    rows = [
        moved(payment_id=paid),
        moved(-250, 0, id="txn_2", kind="refund", payment_id=paid),
        moved(-1000, 1500, id="txn_3", kind="dispute", payment_id=paid),
        moved(500, 45, id="txn_4"),
        moved(-9000, 0, id="txn_5", kind="payout"),
        moved(1, 0, id="txn_6", moved_at=before),
        moved(1, 0, id="txn_7", moved_at=before + timedelta(days=1, seconds=1)),
    ]
    await gateway.receive(report(merchant, *rows), topic=MOVEMENTS)
    (account,) = (await day(merchant))["accounts"]
    assert (account["provider"], account["account"], account["currency"]) == ("stripe", "default", "USD")
    assert account["matched"] == {"count": 3, "amount": 0, "fee": 1566, "net": -1566}
    assert account["suspense"] == {"count": 1, "amount": 500, "fee": 45, "net": 455}
    assert account["others"] == {"count": 1, "amount": -9000, "fee": 0, "net": -9000}
    assert account["total"]["net"] == sum(one.net for one in rows[:5])
    assert {kind: sums["count"] for kind, sums in account["kinds"].items()} == {
        "charge": 2, "dispute": 1, "payout": 1, "refund": 1,
    }  # fmt: skip


async def test_a_payment_of_which_another_amount_has_moved_is_named(gateway, merchant, paid):
    await gateway.receive(report(merchant, moved(1000, 59, payment_id=paid)), topic=MOVEMENTS)
    assert (await day(merchant))["differing"] == [
        {"payment_id": paid, "currency": "USD", "recorded": 1250, "settled": 1000}
    ]
    await gateway.receive(report(merchant, moved(250, 0, id="txn_2", payment_id=paid)), topic=MOVEMENTS)
    assert (await day(merchant))["differing"] == []


async def test_what_was_corrected_and_what_has_not_moved_yet_is_counted(gateway, merchant, paid):
    today = f"/v1/reports/daily?day={clock.now():%Y-%m-%d}"
    assert (await merchant.get(today)).json()["awaiting"] == 0  # nothing has shown that the provider tells
    other = (await merchant.pay()).json()
    await gateway.receive(gateway.step(merchant, other, event="payment.corrected"))
    await gateway.receive(report(merchant, moved(payment_id=paid)), topic=MOVEMENTS)
    found = (await merchant.get(today)).json()
    assert (found["corrected"], found["awaiting"]) == (1, 1)


@pytest.mark.parametrize("asked", ["", "?day=", "?day=2026-02-30", "?day=20261127", "?day=1", "?day=2026-11-27T00:00Z"])
async def test_a_day_that_is_none_is_refused(merchant, asked):
    response = await merchant.get(f"/v1/reports/daily{asked}")
    assert (response.status_code, response.json()["code"]) == (400, "parameter_invalid")


async def test_the_movements_of_a_payment_that_is_not_there_are_not_found(merchant):
    assert (await merchant.get(f"/v1/payments/{ids.new('pay')}/movements")).status_code == 404
