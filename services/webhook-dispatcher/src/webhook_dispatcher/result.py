"""What the answer to an attempt means for its delivery. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from malipo.contracts.deliveries import DeliveryResult
from webhook_dispatcher.schedule import wait_seconds

GONE = 410


class ReceiverResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What came back from the merchant's server: a status, or an `error` that says why there is none.

    The status is that of the status line, even if the headers or the body broke off after it.
    """

    status: int | None = None
    error: str | None = None
    retry_after_seconds: float | None = None
    body_start: str = ""


class AttemptResult(NamedTuple):
    """The attempt's result, and the seconds to wait when it is `retrying`."""

    result: DeliveryResult
    wait_seconds: float | None = None


def result_of(response: ReceiverResponse, attempt: int, schedule: Sequence[float], factor: float) -> AttemptResult:
    """What becomes of a delivery whose attempt number `attempt` (from 1) got `response`; `factor` is the jitter.

    Only 2xx is success: a redirect is a failure, and 410 means that the endpoint is gone for good.
    """
    if response.status is not None and 200 <= response.status < 300:
        return AttemptResult("delivered")
    if response.status == GONE:
        return AttemptResult("endpoint_gone")
    wait = wait_seconds(
        schedule, attempt, factor=factor, status=response.status, retry_after_seconds=response.retry_after_seconds
    )
    return AttemptResult("exhausted") if wait is None else AttemptResult("retrying", wait)
