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
    "Messages consumed from Kafka, by what became of them: `applied`, `duplicate`, `ignored`, `dead_lettered` (alert on any).",
    ("topic", "result"),
)
PROBLEMS = Gauge(
    "malipo_health_problems",
    "1 while a check of `/health/ready` has something to say, which then names what and why (alert above 0 for minutes).",
    ("check",),
)
KAFKA_AWAY_SECONDS = Gauge(
    "malipo_kafka_away_seconds", "How long no broker has answered this process; 0 while one does (alert above 60)."
)
LAG = Gauge(
    "malipo_consumer_lag_messages",
    "Messages in this replica's partitions that it has not consumed; as last known, while Kafka is away.",
    ("topic",),
)
POLLS_FAILED = Counter(
    "malipo_polls_failed", "Polls of Kafka that raised, by what was polled (alert on any).", ("group", "topic")
)
BATCHES_FAILED = Counter(
    "malipo_batches_failed",
    "Batches that could not be applied and came again, by consumer group: the database was away, or refuses what they do.",
    ("group",),
)
RESTING = Gauge(
    "malipo_partitions_resting",
    "Partitions of this replica's that rest at a record which cannot be read (alert on any).",
    ("group", "topic"),
)
DELETED_UNREAD = Counter(
    "malipo_deleted_unread_messages",
    "Messages that Kafka deleted before the group had read them; the nets bring them back (alert on any).",
    ("group", "topic"),
)
WEBHOOK_LATENCY_SECONDS = Histogram(
    "payment_webhook_latency_seconds",
    "`in`: from what a provider's webhook tells of, by the time that the provider gives it, or else from its arrival, until it is"
    " stored. `out`: from the provider's event, or else the payment's transition, to the merchant's 2xx.",
    ("direction",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 300, 3600, 24 * 3600),
)
BATCH_SECONDS = Histogram("malipo_batch_duration_seconds", "Time to apply and commit one batch.", ("subscription",))
OUTBOX_ROWS = Gauge("malipo_outbox_rows", "Outbox rows not yet in Kafka, counted up to 10,000, of all replicas.")
OUTBOX_AGE_SECONDS = Gauge(
    "malipo_outbox_age_seconds",
    "Age of the oldest outbox row, of all replicas; above a few seconds, it is not sent: `/health/ready` says why.",
)
RELAYED = Counter("malipo_relayed_messages", "Outbox rows sent to Kafka.", ("topic",))

SENT_AGAIN = Counter(
    "malipo_sent_again",
    "Messages sent again, or asked for again, as nothing shows that they arrived: by topic; alert on a rate above zero.",
    ("topic",),
)


async def metrics_page(_request: Request) -> Response:
    """`GET /metrics` in the OpenMetrics format, which carries exemplars."""
    return Response(generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})
