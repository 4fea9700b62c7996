"""Prometheus metrics that every service has, and the page that serves them."""

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.openmetrics.exposition import (
    CONTENT_TYPE_LATEST,
    generate_latest,  # pyright: ignore[reportUnknownVariableType]
)
from starlette.requests import Request
from starlette.responses import Response

MESSAGES = Counter(
    "malipo_messages",
    "Messages taken from Kafka, by what became of them.",
    ("topic", "result"),  # applied, duplicate, dead_lettered
)
BATCH_SECONDS = Histogram("malipo_batch_seconds", "Time to apply and commit one batch.", ("subscription",))
OUTBOX_ROWS = Gauge("malipo_outbox_rows", "Outbox rows not yet in Kafka.")
OUTBOX_AGE_SECONDS = Gauge("malipo_outbox_age_seconds", "Age of the oldest outbox row.")
RELAYED = Counter("malipo_relayed_messages", "Outbox rows sent to Kafka.", ("topic",))


async def metrics_page(_request: Request) -> Response:
    """`GET /metrics` in the OpenMetrics format, which carries exemplars."""
    return Response(generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})
