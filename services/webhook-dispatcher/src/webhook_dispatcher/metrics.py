"""What the webhook-dispatcher counts beyond what every service counts."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 300, 3600)

ATTEMPTS = Counter("malipo_webhook_attempts", "Webhook attempts, by what became of the delivery.", ("result",))
ENDED_UNSENT = Counter(
    "malipo_webhook_deliveries_ended_unsent", "Deliveries that ended because their endpoint is gone."
)
POSTPONED = Counter(
    "malipo_webhook_deliveries_postponed",
    "Deliveries postponed through a fault of ours. Alert on any.",
    ("reason",),
)
for _reason in ("unreadable_secret", "failure"):  # an alert on the first needs a zero before it
    POSTPONED.labels(_reason)
ATTEMPT_SECONDS = Histogram("malipo_webhook_attempt_duration_seconds", "Time of one attempt.", buckets=_SECONDS)
PENDING = Gauge("malipo_webhook_pending_deliveries", "Deliveries that have not ended, of all replicas.")
IN_FLIGHT = Gauge("malipo_webhook_in_flight_deliveries", "Deliveries leased by any replica.")
OLDEST_DUE_SECONDS = Gauge(
    "malipo_webhook_oldest_due_seconds", "For how long the delivery that waits longest has been due, of all replicas."
)
OVERTAKEN = Gauge(
    "malipo_webhook_overtaken_deliveries",
    "Deliveries that failed for so long that later events of their payment do not wait for them, of all replicas.",
)
WAITING_EVENTS = Gauge("malipo_webhook_waiting_events", "Events that wait for their merchant's configuration.")
