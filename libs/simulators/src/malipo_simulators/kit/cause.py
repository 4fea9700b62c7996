"""The request behind a change: everything that follows from it knows it."""

import asyncio
from dataclasses import dataclass, field

from malipo_simulators.kit.faults.scripted import AppliedFault


@dataclass(slots=True)
class Cause:
    """Filled in while the request is read. Changes with no API request (customers' pages, timers) have no request id.

    `answer_waits_for` are first attempts of webhooks that must go before the response does.
    """

    method: str
    path: str
    request_id: str | None = None
    account: str | None = None
    idempotency_key: str | None = None
    fault: AppliedFault | None = None
    answer_waits_for: list[asyncio.Event] = field(default_factory=list[asyncio.Event])
