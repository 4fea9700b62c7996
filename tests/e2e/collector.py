"""An OTLP collector in a thread of this process: keeps the spans that the services send, for tests to look at."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import override

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    service: str
    name: str
    trace_id: str
    id: str
    parent_id: str
    attributes: dict[str, str | int]
    links: tuple[tuple[str, str], ...]
    """Trace and span of each."""


@dataclass
class Collector:
    url: str
    spans: list[Span] = field(default_factory=list[Span])

    def trace_of(self, payment_id: str) -> list[Span]:
        """All spans of the trace that the payment's POST began."""
        traces = {s.trace_id for s in self.spans if s.name == "POST /v1/payments" and about(s) == payment_id}
        return [span for span in self.spans if span.trace_id in traces]


def about(span: Span) -> str | int | None:
    return span.attributes.get("payment_id")


@contextmanager
def collecting() -> Generator[Collector]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    Receiver.collector = Collector(f"http://127.0.0.1:{server.server_port}")
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Receiver.collector
    finally:
        server.shutdown()
        server.server_close()


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    collector: Collector

    def do_POST(self) -> None:
        sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        self.collector.spans += spans_in(sent)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: a test's output is its own."""


def spans_in(sent: ExportTraceServiceRequest) -> Generator[Span]:
    for part in sent.resource_spans:
        service = attributes_of(part.resource)["service.name"]
        for span in (span for scope in part.scope_spans for span in scope.spans):
            yield Span(
                service=str(service),
                name=span.name,
                trace_id=span.trace_id.hex(),
                id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                attributes=attributes_of(span),
                links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
            )


def attributes_of(thing) -> dict[str, str | int]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in thing.attributes}
