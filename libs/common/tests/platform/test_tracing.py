"""Spans beneath messages: a recorded trace goes on, another is handed on as it is."""

from collections.abc import Generator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased
from opentelemetry.trace import SpanKind, StatusCode

from malipo.platform import logs, tracing
from malipo.platform.sampler import LinkedOrShare

TRACE = "0af7651916cd43dd8448eb211c80319c"
RECORDED = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "client-ref": "order-7"}
UNRECORDED = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-00"}


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Generator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=ParentBased(LinkedOrShare(0)))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "tracer", provider.get_tracer("malipo"))
    yield exporter
    provider.shutdown()


def step(headers):
    return tracing.span("charge", "pay_1", headers, SpanKind.CLIENT, component="StripeClient", provider="stripe")


def test_a_step_of_a_recorded_trace_is_a_span_beneath_it_and_what_it_causes_comes_beneath_the_step(exported):
    with step(RECORDED) as headers:
        pass
    (span,) = exported.get_finished_spans()
    assert trace.format_span_id(span.parent.span_id) == "b7ad6b7169203331"
    about = {"payment_id": "pay_1", "client_ref": "order-7", "provider": "stripe"}
    assert dict(span.attributes) == about | {"malipo.component": "StripeClient"}
    assert headers == {
        "traceparent": f"00-{TRACE}-{trace.format_span_id(span.context.span_id)}-01",
        "client-ref": "order-7",
    }


@pytest.mark.parametrize("headers", [UNRECORDED, {}, {"traceparent": "1"}, {"traceparent": "x" * 54 + "1"}])
def test_other_headers_are_handed_on_as_they_are(exported, headers):
    with step(headers) as handed_on:
        assert handed_on is headers
    assert not exported.get_finished_spans()


def test_a_failed_step_says_of_which_kind_the_error_was_and_not_its_text(exported):
    with pytest.raises(ValueError, match="sk_test"), step(RECORDED):
        raise ValueError("sk_test_abc")
    (span,) = exported.get_finished_spans()
    assert (span.status.status_code, span.status.description, span.events) == (StatusCode.ERROR, "ValueError", ())


def test_a_batch_is_recorded_when_one_of_its_messages_is_and_links_to_those_only(exported):
    with tracing.batch("take", [UNRECORDED, {}]):
        pass
    assert not exported.get_finished_spans()
    with tracing.batch("take", [UNRECORDED, RECORDED, {}]):
        pass
    (span,) = exported.get_finished_spans()
    assert span.parent is None
    assert [trace.format_trace_id(link.context.trace_id) for link in span.links] == [TRACE]


def test_lines_about_a_payment_show_the_trace_also_when_it_is_not_recorded():
    assert logs.facts("pay_1", UNRECORDED) == {"payment_id": "pay_1", "trace_id": TRACE}
    assert logs.facts("pay_1", RECORDED) == {"payment_id": "pay_1", "trace_id": TRACE, "client_ref": "order-7"}
    assert logs.facts("pay_1", {}) == {"payment_id": "pay_1"}
