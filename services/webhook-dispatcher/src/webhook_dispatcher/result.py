"""What an attempt's answer means for its delivery. Pure."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from webhook_dispatcher.schedule import wait_seconds

Result = Literal["delivered", "retrying", "exhausted", "endpoint_gone"]

GONE = 410


class ReceiverResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What came back from the merchant's server: a status, or an `error` that says why there is none.

    A status is whatever the status line said, even if the headers or the body broke off behind it.
    """

    status: int | None = None
    error: str | None = None
    retry_after_seconds: float | None = None
    body_start: str = ""


class AttemptResult(NamedTuple):
    """The attempt's result, and the seconds to wait when it is `retrying`."""

    result: Result
    wait_seconds: float | None = None


def result_of(answer: ReceiverResponse, attempt: int, schedule: Sequence[float], factor: float) -> AttemptResult:
    """What becomes of a delivery whose attempt number `attempt` (from 1) got `answer`; `factor` is the jitter.

    Only 2xx is success: a redirect is a failure, and 410 says that nobody is there any more.
    """
    if answer.status is not None and 200 <= answer.status < 300:
        return AttemptResult("delivered")
    if answer.status == GONE:
        return AttemptResult("endpoint_gone")
    wait = wait_seconds(
        schedule, attempt, factor=factor, status=answer.status, retry_after_seconds=answer.retry_after_seconds
    )
    return AttemptResult("exhausted") if wait is None else AttemptResult("retrying", wait)
