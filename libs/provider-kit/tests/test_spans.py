"""The spans of a payment at its provider: the client's and the webhook receiver's, in the trace that its command brings."""

from collections.abc import Generator
from datetime import UTC, datetime

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from malipo.contracts.outcomes import Pending, Reversed, Succeeded
from malipo.money import Money
from malipo.platform import tracing
from provider_kit.provider import CallbackOutcome, ParsedCallback, ReceivedMoney

AT = datetime(2026, 11, 27, tzinfo=UTC)
DONE = Succeeded(amount=Money(1000, "USD"), reference="obj_1")
REQUEST = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01", "client-ref": "order 7"}


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Generator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "tracer", provider.get_tracer("malipo"))
    yield exporter
    provider.shutdown()


async def test_client_and_webhook_receiver_are_found_by_name_in_one_trace_and_name_the_payment(kit, make, exported):
    about = {"component": "PaymentOrchestrator"}
    with tracing.span("orchestrator CreatePayment", "pay_1", REQUEST, SpanKind.CONSUMER, **about) as headers:
        await kit.handle(make.charge(), headers=headers)
    kit.provider.script = [Pending(reference="obj_1")]
    await kit.run()
    reported = CallbackOutcome(operation_id="pay_1.1", kind="charge", outcome=DONE)
    await kit.door.take(await kit.credentials.by_id("cred_1"), ParsedCallback("evt_1", [reported]))
    spans = {span.attributes["malipo.component"]: span for span in exported.get_finished_spans()}
    assert list(spans) == ["PaymentOrchestrator", "FakeClient", "WebhookReceiver"]
    for span in spans.values():
        assert trace.format_trace_id(span.context.trace_id) == "1" * 32
        assert (span.attributes["payment_id"], span.attributes["client_ref"]) == ("pay_1", "order 7")
    above = spans["PaymentOrchestrator"].context.span_id
    assert [spans[name].parent.span_id for name in ("FakeClient", "WebhookReceiver")] == [above, above]


async def test_money_that_is_a_payment_of_its_own_begins_a_trace_in_which_its_return_is_found(kit, exported):
    money = ReceivedMoney(
        reference="tx_2",
        amount=DONE.amount,
        method="phone",
        received_at=AT,
        account_reference="order 7",
        role="receipt",
    )
    await kit.money_came(money, "evt_1")
    (paid,) = await kit.look_at_money(seconds=61)
    back = CallbackOutcome(kind="charge", references={"receipt": "tx_2"}, outcome=Reversed(code="R10"))
    await kit.door.take(await kit.credentials.by_id("cred_1"), ParsedCallback("evt_9", [back]))
    came, went = exported.get_finished_spans()
    assert came.parent is None
    assert went.parent.span_id == came.context.span_id
    for span in (came, went):
        assert (span.attributes["payment_id"], span.attributes["client_ref"]) == (paid.payment_id, "order 7")
