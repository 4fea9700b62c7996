"""What Prometheus gets: exactly the documented metrics, with the values that the stories before should give."""

import re
from pathlib import Path

import pytest
from scraping import families, samples, value

from malipo.contracts.providers import PROVIDERS
from malipo_local.demo.stories import stripe_fault
from malipo_local.services import Kind, names
from malipo_local.waiting import until

PAGE = Path(__file__).parents[2] / "docs/metrics.md"
SERVICES = names(Kind.SERVICE)
SHARED = {"Every service": SERVICES, "Every provider service": tuple(f"provider-{name}" for name in PROVIDERS)}


def documented(service: str) -> set[str]:
    """The metrics that the page promises of a service."""
    sections = re.split(r"^## (.+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]
    titled = zip(sections[::2], sections[1::2], strict=True)
    theirs = [text for title, text in titled if service in SHARED.get(title, (title,))]
    return {name for text in theirs for name in re.findall(r"^\| `(\w+)`", text, flags=re.MULTILINE)}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_shows_exactly_the_metrics_that_its_documentation_lists(stack, service):
    shown = {f"{one.name}_total" if one.type == "counter" else one.name for one in families(stack, service)}
    assert {name for name in shown if name.startswith(("malipo_", "payment_"))} == documented(service)


def test_payments_are_counted_by_status_and_the_time_until_their_webhook_is_measured(stack, merchant):
    def completed() -> float:
        return value(stack, "orchestrator", "payment_status_total", status="completed")

    def delivered() -> float:
        return value(stack, "webhook-dispatcher", "payment_webhook_latency_seconds_count", direction="out")

    before, delivered_before = completed(), delivered()
    for amount in (4341, 4342):
        merchant.events(merchant.pay(amount=amount)["id"], "payment.completed")
    assert completed() == before + 2
    assert until(lambda: delivered() >= delivered_before + 2, 10)
    assert value(stack, "webhook-dispatcher", "payment_webhook_latency_seconds_sum", direction="out") > 0


def test_a_repeated_try_is_counted_and_the_payment_is_its_exemplar_and_no_label(stack, merchant):
    merchant.wait(merchant.pay()["id"])  # what waits for the merchant's configuration is a repeated try, too
    before = value(stack, "provider-stripe", "payment_retry_count", provider="stripe", kind="charge")
    merchant.stripe_fault("rate_limited", match={"method": "POST", "amount": 4343}, times=2, delay_seconds=1)
    payment = merchant.pay(amount=4343)
    merchant.wait(payment["id"], "completed")
    (counted,) = samples(stack, "provider-stripe", "payment_retry_count", kind="charge")
    assert counted.value == before + 2
    assert counted.labels == {"provider": "stripe", "kind": "charge"}
    buckets = samples(stack, "provider-stripe", "payment_retry_bucket", kind="charge")
    assert {"payment_id": payment["id"]} in [one.exemplar.labels for one in buckets if one.exemplar]


def test_doubt_is_measured_while_it_lasts_and_once_it_is_over(stack, merchant):
    def now(name: str) -> float:
        return value(stack, "orchestrator", name, subject="payment")

    ended, others = now("malipo_doubt_seconds_count"), now("malipo_doubts")  # what other stories have left
    match = {"method": "POST", "amount": 4344}
    with (
        stripe_fault(merchant, "webhook_drop", match={"amount": 4344}),
        stripe_fault(merchant, "answer_lost", match=match, times=1),
        stripe_fault(merchant, "connection_reset", match=match),  # the query is not answered either
        stripe_fault(merchant, "connection_reset", match={"path": "/v1/events"}),  # nor the list of what happened
    ):
        payment = merchant.pay(amount=4344, prefer="respond-async")
        assert until(lambda: now("malipo_doubts") > 0 and now("malipo_doubt_oldest_seconds") > 0, 30)
    merchant.wait(payment["id"], "completed", seconds=60)
    assert until(lambda: now("malipo_doubts") <= others, 30)
    assert until(lambda: now("malipo_doubt_seconds_count") > ended, 30)


COUNTED = [
    ("gateway", "malipo_http_request_duration_seconds_count", {"method": "POST", "route": "/v1/payments"}),
    ("orchestrator", "malipo_messages_total", {"result": "applied", "topic": "payments.commands.v1"}),
    ("orchestrator", "malipo_relayed_messages_total", {"topic": "payments.events.v1"}),
    ("provider-stripe", "malipo_provider_calls_total", {"verb": "execute", "kind": "charge", "result": "succeeded"}),
    ("provider-stripe", "malipo_provider_callbacks_total", {"result": "stored"}),
    ("webhook-dispatcher", "malipo_webhook_attempts_total", {"result": "delivered"}),
]
PILES = [
    ("orchestrator", "malipo_consumer_lag_messages", {"topic": "providers.outcomes.v1"}),
    ("orchestrator", "malipo_messages_total", {"result": "duplicate", "topic": "payments.commands.v1"}),
    ("gateway", "malipo_outbox_age_seconds", {}),
    ("gateway", "malipo_outbox_rows", {}),
    ("provider-stripe", "malipo_provider_circuits", {"state": "open"}),
    ("provider-stripe", "malipo_provider_circuits", {"state": "half_open"}),
    ("webhook-dispatcher", "malipo_webhook_pending_deliveries", {}),
    ("webhook-dispatcher", "malipo_webhook_oldest_due_seconds", {}),
]


def test_what_a_payment_does_shows_in_each_service_and_what_can_pile_up_also_while_there_is_nothing(stack, merchant):
    def counted() -> list[float]:
        return [value(stack, service, name, **labels) for service, name, labels in COUNTED]

    before = counted()
    merchant.events(merchant.pay()["id"], "payment.completed")
    assert until(lambda: all(now > then for now, then in zip(counted(), before, strict=True)), 10), counted()
    assert [name for service, name, labels in PILES if not samples(stack, service, name, **labels)] == []
