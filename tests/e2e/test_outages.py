"""Stores go away and come back: nothing that was accepted is lost, and everything flows again by itself."""

from collections.abc import Generator
from contextlib import contextmanager

import httpx
import pytest
from logged import logged
from scraping import value

from malipo_local.demo import books
from malipo_local.merchant import DemoMerchant
from malipo_local.services import Kind, names
from malipo_local.stack import Stack
from malipo_local.waiting import until

SECONDS = 90
CALLED = {"gateway", *(service for service in names(Kind.SERVICE) if service.startswith("provider-"))}
"""Those that are called by merchants or providers, and store what they are brought."""


def pay_soon(merchant: DemoMerchant, count: int) -> list[str]:
    return [merchant.pay(amount=2000 + number, prefer="respond-async")["id"] for number in range(count)]


def health(stack: Stack, service: str) -> tuple[int, str, dict[str, str]]:
    answer = httpx.get(f"{stack.admin_url(service)}/health/ready")
    return answer.status_code, answer.json()["status"], answer.json()["problems"]


def lines_about_stores(stack: Stack, service: str) -> list[str]:
    """What a service has logged of Kafka and of what its database waits for, be it once or again and again.

    Not of Redis: a gateway gives it a tenth of a second, which a machine that starts Kafka may take.
    """
    others = ("commands unanswered", "sent again", "statement cannot be read")  # of payments, and of providers
    others += ("redis away", "redis is back")
    lines = logged(stack, service)
    told = [line["event"] for line in lines if line["level"] != "info" or line["event"].startswith(("kafka", "relay"))]
    return [event for event in told if event not in others]


def all_complete(merchant: DemoMerchant, payment_ids: list[str]) -> None:
    for payment_id in payment_ids:
        assert merchant.wait(payment_id, seconds=SECONDS)["status"] == "completed"
        received = merchant.events(payment_id, "payment.completed", seconds=SECONDS)
        assert sorted({one["sequence"] for one in received}) == list(range(1, len({one["id"] for one in received}) + 1))
    assert books.differences(merchant) == []
    assert books.double_charges(merchant) == []


@contextmanager
def stopped(stack: Stack) -> Generator[None]:
    """Nothing listens where Kafka was."""
    stack.stop_service("kafka")
    try:
        yield
    finally:
        stack.start_service("kafka")
        stack.wait_ready("kafka", SECONDS)


@contextmanager
def frozen(stack: Stack) -> Generator[None]:
    """Kafka accepts connections, and answers nothing."""
    stack.pause("kafka")
    try:
        yield
    finally:
        stack.resume("kafka")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("away", [stopped, frozen])
def test_with_kafka_away_payments_are_accepted_and_each_service_says_so_and_they_flow_when_it_returns(
    stack, merchant, away
):
    logged = {service: len(lines_about_stores(stack, service)) for service in names(Kind.SERVICE)}
    payment_ids = pay_soon(merchant, 10)  # some are on their way
    with away(stack):
        accepted = merchant.post(
            "/v1/payments",
            {"amount": 1250, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}},
            Prefer="wait=1",
        )
        assert accepted.status_code == 202
        assert accepted.headers["Location"] == f"/v1/payments/{accepted.json()['id']}"
        assert "Retry-After" in accepted.headers
        payment_ids += [accepted.json()["id"], *pay_soon(merchant, 9)]
        told = {"kafka": f"Kafka away: no broker answers at {stack.kafka}"}
        for service in names(Kind.SERVICE):
            expected = (200, "degraded", told) if service in CALLED else (503, "not ready", told)
            until(lambda service=service, expected=expected: health(stack, service) == expected, 60)
            assert health(stack, service) == expected, service
            assert value(stack, service, "malipo_kafka_away_seconds") > 5
        assert until(lambda: value(stack, "gateway", "malipo_outbox_age_seconds") > 10, 30)
        assert value(stack, "gateway", "malipo_outbox_rows") >= 10
    all_complete(merchant, payment_ids)
    for service, count in logged.items():
        assert until(lambda service=service: health(stack, service) == (200, "ready", {}), 60)
        assert lines_about_stores(stack, service)[count:] == ["kafka away", "kafka is back"]
        assert until(lambda service=service: value(stack, service, "malipo_outbox_age_seconds") == 0, 10)
        assert value(stack, service, "malipo_kafka_away_seconds") == 0


@pytest.mark.timeout(240)
def test_with_postgresql_away_the_answer_says_how_to_retry_and_the_rest_flows_on(stack, merchant):
    before = pay_soon(merchant, 10)
    stack.stop_service("postgres")
    try:
        away = "PostgreSQL away: it does not answer"
        assert until(lambda: health(stack, "orchestrator")[2].get("database") == away, 30)
        refused = merchant.post(
            "/v1/payments",
            {"amount": 1250, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}},
            key="kept",
        )
        assert refused.status_code == 503
        assert refused.json()["code"] == "database_unavailable"
        assert refused.json()["retry"]["safe"]
        assert refused.json()["retry"]["same_key"]
    finally:
        stack.start_service("postgres")
        stack.wait_ready("postgres", SECONDS)
    stack.wait_ready("gateway", SECONDS)
    after = merchant.pay(key="kept")["id"]
    all_complete(merchant, [*before, after])


@pytest.mark.timeout(240)
def test_with_redis_away_payments_complete_all_the_same(stack, merchant):
    stack.stop_service("redis")
    try:
        payment_ids = [merchant.pay(amount=3000 + number)["id"] for number in range(5)]
    finally:
        stack.start_service("redis")
        stack.wait_ready("redis", SECONDS)
    all_complete(merchant, payment_ids)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("service", ["orchestrator", "provider-stripe", "webhook-dispatcher"])
def test_a_frozen_service_goes_on_where_it_was(stack, merchant, service):
    stack.pause(service)
    try:
        payment_ids = pay_soon(merchant, 10)
        assert until(lambda: len(books.malipos(merchant)) == 10, 30)
    finally:
        stack.resume(service)
    all_complete(merchant, payment_ids)
