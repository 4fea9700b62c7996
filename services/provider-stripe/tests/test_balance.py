"""Stripe's balance transactions as movements: fee and net, whose they are, and what cannot be read."""

import json

import msgspec
import pytest
from stripe_samples import TAGS

from malipo import clock
from malipo.contracts.movements import MOVEMENT_KINDS
from provider_kit.movements import Moved
from provider_stripe.balance import _KINDS, movements_in

CREATED = 1_796_000_000
CHARGE = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "metadata": TAGS}
REFUND = {"id": "re_1", "object": "refund", "payment_intent": "pi_1", "charge": "ch_1", "metadata": {}}
DISPUTE = {"id": "du_1", "object": "dispute", "payment_intent": "pi_1", "charge": "ch_1", "metadata": {}}


def transaction(source: object = CHARGE, category: str = "charge", **changes) -> dict:
    return {
        "id": "txn_1",
        "object": "balance_transaction",
        "amount": 1250,
        "fee": 66,
        "net": 1184,
        "currency": "usd",
        "created": CREATED,
        "available_on": CREATED + 172_800,
        "exchange_rate": None,
        "reporting_category": category,
        "source": source,
    } | changes


def read(*transactions: object) -> list[Moved]:
    return movements_in([msgspec.Raw(json.dumps(one).encode()) for one in transactions])


def test_a_charge_shows_its_fee_and_is_known_by_our_own_name_and_by_stripes():
    (moved,) = read(transaction())
    movement = moved.movement
    assert (movement.amount, movement.fee, movement.net, movement.currency) == (1250, 66, 1184, "USD")
    assert (movement.kind, movement.reference, movement.exchange_rate) == ("charge", "ch_1", None)
    assert (movement.moved_at, movement.payment_id) == (clock.from_unix(CREATED), None)
    assert (moved.operation_id, moved.references) == ("pay_1.1", ["pi_1"])


@pytest.mark.parametrize(
    ("source", "category", "kind"), [(REFUND, "refund", "refund"), (DISPUTE, "dispute", "dispute")]
)
def test_what_was_made_at_stripe_is_known_by_its_payment(source, category, kind):
    (moved,) = read(transaction(source, category, amount=-1250, fee=1500, net=-2750))
    assert (moved.movement.kind, moved.movement.net) == (kind, -2750)
    assert (moved.movement.reference, moved.operation_id) == (source["id"], None)
    assert moved.references == ["pi_1", "ch_1"]


def test_an_exchange_rate_is_kept_as_stripe_writes_it():
    body = json.dumps(transaction()).replace('"exchange_rate": null', '"exchange_rate": 1.090000000000000000001')
    (moved,) = movements_in([msgspec.Raw(body.encode())])
    assert moved.movement.exchange_rate == "1.090000000000000000001"


@pytest.mark.parametrize("source", [None, "po_1", {"id": "po_1", "object": "payout"}])
def test_what_is_no_payments_has_no_names_of_one(source):
    (moved,) = read(transaction(source, "payout"))
    assert (moved.movement.kind, moved.operation_id, list(moved.references)) == ("payout", None, [])


def test_a_category_that_is_new_is_another():
    (moved,) = read(transaction(category="climate_order_purchase"))
    assert moved.movement.kind == "other"
    assert set(_KINDS.values()) <= set(MOVEMENT_KINDS)


@pytest.mark.parametrize("changes", [{"currency": "zzz"}, {"fee": None}, {"created": 10**18}, {"id": ""}, {"net": 1.5}])
def test_one_that_is_like_no_other_keeps_the_rest_from_nobody(changes):
    assert [one.movement.id for one in read(transaction(**changes), transaction(id="txn_2"))] == ["txn_2"]
