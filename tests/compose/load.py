"""Payments at a steady rate while something else happens, and what became of each."""

import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx

from malipo_local.merchant import DemoMerchant

_BODY = {"amount": 1250, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}
_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One payment: when it was sent (seconds from the beginning), how long its answer took; `failure` is empty if it was accepted."""

    at: float
    seconds: float
    payment_id: str = ""
    failure: str = ""


class Load:
    """Sends `rate` card payments a second of one merchant, each once, until the block ends."""

    def __init__(self, merchant: DemoMerchant, rate: float) -> None:
        self._rate = rate
        self._client = httpx.Client(
            base_url=merchant.stack.url("gateway"),
            headers={"X-API-Key": merchant.key},
            timeout=_TIMEOUT_SECONDS,
            limits=httpx.Limits(max_keepalive_connections=0),  # as many merchants, not as one connection
        )
        self._stop = threading.Event()
        self._shots: list[Shot] = []
        self._began = time.monotonic()
        self._pace = threading.Thread(target=self._send_all, name="load")

    def __enter__(self) -> Self:
        """Begin to send."""
        self._pace.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send no more, and wait for the answers."""
        self._stop.set()
        self._pace.join()
        self._client.close()

    @property
    def shots(self) -> Sequence[Shot]:
        """What was sent so far and answered, in no order."""
        return tuple(self._shots)

    def now(self) -> float:
        """Seconds since the beginning, as shots have them."""
        return time.monotonic() - self._began

    def _send_all(self) -> None:
        with ThreadPoolExecutor(64) as workers:
            due = 0.0
            while not self._stop.wait(max(0.0, due - self.now())):
                workers.submit(self._send)
                due += 1 / self._rate

    def _send(self) -> None:
        at = self.now()
        payment_id, failure = "", ""
        try:
            answer = self._client.post("/v1/payments", json=_BODY, headers={"Idempotency-Key": uuid.uuid4().hex})
            if answer.status_code in (201, 202):
                payment_id = answer.json()["id"]
            else:
                failure = f"{answer.status_code} {answer.text[:200]}"
        except httpx.HTTPError as error:
            failure = repr(error)
        self._shots.append(Shot(at, self.now() - at, payment_id, failure))
