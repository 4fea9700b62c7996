"""An intent ends at its time, wherever it is by then: nothing is charged late."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from malipo import clock
from malipo_local import Stack
from malipo_local.shop import Shop
from malipo_local.waiting import until

SECONDS = 90
SHORTEST = timedelta(minutes=1)


def pay_within_a_minute(shop: Shop) -> str:
    expires_at = clock.now() + SHORTEST + timedelta(seconds=2)
    return shop.pay(amount=6100, prefer="respond-async", expires_at=expires_at.isoformat())["id"]


def is_over(shop: Shop, payment_id: str) -> bool:
    return clock.now() > datetime.fromisoformat(shop.payment(payment_id)["expires_at"]) + timedelta(seconds=1)


def charges(shop: Shop, payment_id: str) -> list[Any]:
    book = shop.stripe.get("/_sim/book", params={"metadata[malipo_payment_id]": payment_id}).raise_for_status()
    return [one for one in book.json()["payment_intents"] if one["captured"]]


def ends_uncharged(shop: Shop, payment_id: str) -> None:
    payment = shop.wait(payment_id, "failed", seconds=SECONDS)
    assert payment["failure"]["code"] == "expired"
    assert charges(shop, payment_id) == []
    shop.told(payment_id, "payment.failed", seconds=SECONDS)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("away", ["kafka", "provider-stripe"])
def test_what_was_away_for_longer_than_the_intent_lasts_charges_nothing_when_it_returns(
    stack: Stack, shop: Shop, away: str
) -> None:
    stack.stop_service(away)
    try:
        payment_id = pay_within_a_minute(shop)
        assert until(lambda: is_over(shop, payment_id), SECONDS)
    finally:
        stack.start_service(away)
        stack.wait_ready(away, SECONDS)
    ends_uncharged(shop, payment_id)
