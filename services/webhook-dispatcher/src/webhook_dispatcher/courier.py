"""Makes one attempt at one delivery: sign, post, judge, record."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from opentelemetry.trace import SpanKind

from malipo import clock, ids
from malipo.contracts.config import secret_owner
from malipo.messaging.database import Database
from malipo.messaging.pool import when_back
from malipo.platform import logs, tracing
from malipo.platform.logs import log
from malipo.platform.metrics import WEBHOOK_LATENCY_SECONDS
from malipo.platform.secrets import KeyRing, SecretUnreadable
from webhook_dispatcher import metrics, queue, signature
from webhook_dispatcher.queue import Delivery
from webhook_dispatcher.recorder import DeliveryAttempt, Recorder
from webhook_dispatcher.result import result_of
from webhook_dispatcher.schedule import JITTER
from webhook_dispatcher.sender import Sender

POSTPONE_SECONDS = 300.0
"""How long a delivery waits that we cannot attempt through a fault of ours. An operator is alerted meanwhile."""


class Courier:
    """Runs claimed deliveries. Each run records the attempt or, when none could be made, postpones the delivery."""

    def __init__(
        self, database: Database, recorder: Recorder, key_ring: KeyRing, sender: Sender, retry_schedule: Sequence[float]
    ) -> None:
        self._database = database
        self._key_ring = key_ring
        self._sender = sender
        self._retry_schedule = retry_schedule
        self._recorder = recorder

    async def run(self, delivery: Delivery) -> bool:
        """Attempt `delivery`, in a task of its own: its log lines are about this payment.

        Returns whether its end may have made other deliveries due, once the end is recorded, however long the
        database is away meanwhile; if that takes longer than its lease, another replica may have made the attempt again.
        """
        logs.bind_payment(delivery.payment_id, delivery.headers)
        with tracing.span(
            f"webhook {delivery.type}",
            delivery.payment_id,
            delivery.headers,
            SpanKind.CLIENT,
            component="WebhookDispatcher",
            **_about(delivery),
        ) as headers:
            return await self._attempt_or_postpone(replace(delivery, headers=headers))

    async def _attempt_or_postpone(self, delivery: Delivery) -> bool:
        about = _about(delivery)
        try:
            return await self._attempt(delivery)
        except (SecretUnreadable, signature.BadSecret):
            log.error("signing secret unreadable", **about, retry_in_seconds=POSTPONE_SECONDS)
            return await self._postpone(delivery, "unreadable_secret")
        except Exception:  # noqa: BLE001 - whatever it is, it must not come back at the speed of leases
            log.exception("webhook attempt failed", **about, retry_in_seconds=POSTPONE_SECONDS)
            return await self._postpone(delivery, "failure")

    async def _attempt(self, delivery: Delivery) -> bool:
        attempted_at, started = delivery.now(), clock.monotonic()
        headers = self._headers(delivery, attempted_at)
        response = await self._sender.post(delivery.url, headers, delivery.body, attempted_at)
        seconds = clock.monotonic() - started
        result = result_of(response, delivery.attempts + 1, self._retry_schedule, ids.jitter(JITTER))
        attempt = DeliveryAttempt(
            delivery, attempted_at, round(seconds * 1000), response, result.result, result.wait_seconds
        )
        more_due = await when_back(partial(self._recorder.record, attempt), "a webhook's end")
        _observe(attempt, seconds)
        return more_due

    def _headers(self, delivery: Delivery, now: datetime) -> dict[str, str]:
        """Raises `SecretUnreadable` or `BadSecret`: nothing is ever sent unsigned."""
        owner = secret_owner(delivery.merchant_id, delivery.mode, delivery.endpoint_id)
        secret = self._key_ring.open(delivery.secret_ciphertext, owner=owner)
        signed = signature.headers(
            secret.decode(errors="replace"), delivery.event_id, int(now.timestamp()), delivery.body
        )
        about = {"malipo-attempt": str(delivery.attempts + 1)}
        if delivery.still_retried is not None:
            about["malipo-still-retried"] = str(delivery.still_retried)
        return signed | about

    async def _postpone(self, delivery: Delivery, reason: str) -> bool:
        metrics.POSTPONED.labels(reason).inc()
        await when_back(partial(queue.postpone, self._database, delivery, POSTPONE_SECONDS), "a webhook postponed")
        return True  # its endpoint has room again


def _about(delivery: Delivery) -> dict[str, str]:
    return {"endpoint_id": delivery.endpoint_id, "event_id": delivery.event_id}


def _observe(attempt: DeliveryAttempt, seconds: float) -> None:
    tracing.annotate({"outcome": attempt.result, "http.response.status_code": attempt.response.status})
    metrics.ATTEMPTS.labels(attempt.result).inc()
    metrics.ATTEMPT_SECONDS.observe(seconds)
    if attempt.result == "delivered":
        seconds_since = (attempt.delivery.now() - attempt.delivery.observed_at).total_seconds()
        WEBHOOK_LATENCY_SECONDS.labels("out").observe(seconds_since)
    log.info(
        "webhook attempted",
        **_about(attempt.delivery),
        attempt=attempt.number,
        result=attempt.result,
        http_status=attempt.response.status,
        error=attempt.response.error,
        duration_ms=attempt.duration_ms,
    )
