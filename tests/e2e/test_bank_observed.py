"""What operators see of a bank transfer: one trace of initiation and webhooks, and the metrics by the names that they look for."""

from bank_steps import SECONDS, arrived
from collector import Collector, Span
from scraping import value

from malipo_local.bank import by_account
from malipo_local.waiting import until

ORCHESTRATOR = "PaymentOrchestrator"
AT_THE_BANK = {"BankClient", "WebhookReceiver"}
STATUSES = ("initiated", "processing", "completed", "returned")
LATENCY = "payment_webhook_latency_seconds_count"


def by_component(spans: list[Span]) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    for span in spans:
        found.setdefault(str(span.attributes.get("malipo.component")), []).append(span)
    return found


def follow_from_orders(spans: list[Span]) -> bool:
    """Whether all that was done at the bank is there, and follows from what the orchestrator had ordered."""
    found = by_component(spans)
    orders = {span.id for span in found.get(ORCHESTRATOR, ())}
    parents = {span.parent_id for name in AT_THE_BANK for span in found.get(name, ())}
    return found.keys() >= {ORCHESTRATOR, *AT_THE_BANK} and parents <= orders


def test_initiation_and_webhook_are_one_trace_in_which_every_part_names_the_payment(bank_shop, collector: Collector):
    payment_id = arrived(bank_shop, rail="RTP", client_ref="order-7")
    bank_shop.events(payment_id, "payment.completed")
    found = until(lambda: follow_from_orders(collector.trace_of(payment_id)), SECONDS)
    spans = collector.trace_of(payment_id)
    assert found, [(span.name, span.attributes) for span in spans]
    assert len({span.trace_id for span in spans}) == 1
    of_its_parts = [span for name, some in by_component(spans).items() if name != "None" for span in some]
    about = {(span.attributes.get("payment_id"), span.attributes.get("client_ref")) for span in of_its_parts}
    assert about == {(payment_id, "order-7")}


def test_a_transfer_and_its_return_are_counted_by_the_names_that_operators_look_for(stack, bank_shop):
    def counted() -> list[float]:
        return [
            *(value(stack, "orchestrator", "payment_status_total", status=status) for status in STATUSES),
            value(stack, "provider-bank", LATENCY, direction="in"),
            value(stack, "webhook-dispatcher", LATENCY, direction="out"),
        ]

    before = counted()
    payment_id = arrived(bank_shop, by_account("0002"), rail="ACH")
    bank_shop.wait(payment_id, "returned", seconds=SECONDS)
    bank_shop.events(payment_id, "payment.returned")
    assert until(lambda: all(now > then for now, then in zip(counted(), before, strict=True)), SECONDS), counted()


def test_a_transfer_that_is_tried_again_is_counted(stack, bank_shop):
    def retried() -> float:
        return value(stack, "provider-bank", "payment_retry_count", provider="bank", kind="charge")

    before = retried()
    transfer = {"method": "POST", "path": "/v1/payments", "amount": 1304}
    with bank_shop.bank.fault("rate_limited", match=transfer, times=1, delay_seconds=1) as limiting:
        arrived(bank_shop, rail="BOOK", amount=1304)
        assert bank_shop.bank.strikes(limiting) == 1
    assert retried() > before
