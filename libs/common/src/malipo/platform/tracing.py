"""Traces: one from the merchant's request to the merchant's webhook, carried in message headers.

What is not recorded costs a look at one header: a message's trace is then handed on as it came, and no span is made.
"""

import re
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, StatusCode

from redaction.text import cleaned

TRACEPARENT = "traceparent"
CLIENT_REF = "client-ref"
"""Headers of every message about a payment: its trace (W3C Trace Context), and the merchant's own reference if any."""

_W3C = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]([0-9a-f])")  # version, trace, span, flags
_RECORDED = frozenset("13579bdf")  # the flags' last bit

COMPONENT = "malipo.component"
"""The attribute of a span that names the part of the system, whatever the span itself is called: `PaymentOrchestrator`, the
provider's client as `BankClient`, `WebhookReceiver`.
"""

tracer = trace.get_tracer("malipo")


def setup(service: str, instance: str, *, endpoint: str | None, ratio: float) -> None:
    """Give every request a trace id; record `ratio` of the traces, and send them to the OTLP collector at `endpoint`.

    Without an endpoint nothing is recorded, and the ids still are in every log line and timeline.
    """
    from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

    from malipo.platform.sampler import LinkedOrShare

    resource = Resource.create({SERVICE_NAME: service, SERVICE_INSTANCE_ID: instance})
    sampler = ALWAYS_OFF if endpoint is None else ParentBased(LinkedOrShare(ratio))
    provider = TracerProvider(resource=resource, sampler=sampler)
    if endpoint is not None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def carrier() -> dict[str, str]:
    """The current trace as message headers; empty outside a trace."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    return headers


def trace_id_of(headers: Mapping[str, str]) -> str | None:
    """The id of the trace that `headers` carry, recorded or not."""
    carried = _W3C.fullmatch(headers.get(TRACEPARENT, ""))
    return carried[1] if carried else None


def is_recorded(headers: Mapping[str, str]) -> bool:
    """Whether the trace that `headers` carry is one of those that are sent to the collector."""
    carried = _W3C.fullmatch(headers.get(TRACEPARENT, ""))
    return carried is not None and carried[2] in _RECORDED


@contextmanager
def span(
    name: str, payment_id: str, headers: dict[str, str], kind: SpanKind, *, component: str, **attributes: str
) -> Generator[dict[str, str]]:
    """A span beneath the one that `headers` carry; yields the headers for what the block causes.

    When the trace is not recorded there is no span, and `headers` are yielded as they are.
    """
    if not is_recorded(headers):
        yield headers
        return
    about = _about(payment_id, headers, component) | attributes
    with _open_span(name, propagate.extract(headers), kind, about):
        yield headers | carrier()


def begun(name: str, payment_id: str, client_ref: str, *, component: str) -> dict[str, str]:
    """The headers of a payment that no request of a merchant began: in a trace of its own, whose first span is `name`."""
    headers = {CLIENT_REF: client_ref}
    with _open_span(name, Context(), SpanKind.CONSUMER, _about(payment_id, headers, component)):
        return headers | carrier()


def _about(payment_id: str, headers: Mapping[str, str], component: str) -> dict[str, str]:
    """What a search for a payment's spans finds them by."""
    about = {"payment_id": payment_id, COMPONENT: component}
    if client_ref := headers.get(CLIENT_REF):
        about["client_ref"] = cleaned(client_ref)  # the merchant's own words
    return about


@contextmanager
def batch(name: str, members: Iterable[Mapping[str, str]]) -> Generator[None]:
    """A span for work on many messages at once, in a trace of its own with a link to each one's that is recorded."""
    recorded = [propagate.extract(headers) for headers in members if is_recorded(headers)]
    if not recorded:
        yield
        return
    links = [Link(trace.get_current_span(context).get_span_context()) for context in recorded]
    with _open_span(name, Context(), SpanKind.CONSUMER, {}, links):
        yield


def annotate(attributes: Mapping[str, str | int | None]) -> None:
    """Put `attributes` that are known on the current span, if there is one that is recorded."""
    current = trace.get_current_span()
    if current.is_recording():
        current.set_attributes({name: value for name, value in attributes.items() if value is not None})


@contextmanager
def _open_span(
    name: str, context: Context, kind: SpanKind, attributes: Mapping[str, str], links: Iterable[Link] = ()
) -> Generator[None]:
    with tracer.start_as_current_span(
        name,
        context,
        kind=kind,
        attributes=attributes,
        links=list(links),
        record_exception=False,  # its text may quote a secret, or a merchant's data
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except BaseException as error:
            span.set_status(StatusCode.ERROR, type(error).__name__)
            raise
