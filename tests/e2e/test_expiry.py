"""An intent ends at its time, wherever it is by then: nothing is charged late."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from databases import sql

from malipo import clock
from malipo_local import Stack
from malipo_local.merchant import DemoMerchant
from malipo_local.waiting import until

SECONDS = 90
SHORTEST = timedelta(minutes=1)


def pay_within_a_minute(merchant: DemoMerchant) -> str:
    expires_at = clock.now() + SHORTEST + timedelta(seconds=2)
    return merchant.pay(amount=6100, prefer="respond-async", expires_at=expires_at.isoformat())["id"]


def is_over(merchant: DemoMerchant, payment_id: str) -> bool:
    return clock.now() > datetime.fromisoformat(merchant.payment(payment_id)["expires_at"]) + timedelta(seconds=1)


def charges(merchant: DemoMerchant, payment_id: str) -> list[Any]:
    book = merchant.stripe.get("/_sim/book", params={"metadata[malipo_payment_id]": payment_id}).raise_for_status()
    return [one for one in book.json()["payment_intents"] if one["captured"]]


def ends_uncharged(merchant: DemoMerchant, payment_id: str) -> None:
    payment = merchant.wait(payment_id, "failed", seconds=SECONDS)
    assert payment["failure"]["code"] == "expired"
    assert charges(merchant, payment_id) == []
    merchant.events(payment_id, "payment.failed", seconds=SECONDS)


def is_sent_to_the_provider(stack: Stack, payment_id: str) -> bool:
    """Whether the command of its charge is in Kafka."""
    known = sql(stack, "orchestrator", "SELECT count(*) FROM payments WHERE id = $1", payment_id)
    return known == 1 and sql(stack, "orchestrator", "SELECT count(*) FROM outbox") == 0


@pytest.mark.timeout(400)
def test_what_waits_in_kafka_or_before_a_service_for_longer_than_its_intent_lasts_is_never_charged(
    stack: Stack, merchant: DemoMerchant
) -> None:
    stack.stop_service("provider-stripe")
    in_kafka = pay_within_a_minute(merchant)
    assert until(lambda: is_sent_to_the_provider(stack, in_kafka), SECONDS)
    stack.stop_service("kafka")
    try:
        accepted = pay_within_a_minute(merchant)
        assert until(lambda: is_over(merchant, accepted), SECONDS)
    finally:
        for away in ("kafka", "provider-stripe"):
            stack.start_service(away)
            stack.wait_ready(away, SECONDS)
    for payment_id in (in_kafka, accepted):
        ends_uncharged(merchant, payment_id)
