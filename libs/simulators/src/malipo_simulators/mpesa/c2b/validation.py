"""Asks an organisation whether it takes a payment, before the money moves."""

import asyncio
import json
from dataclasses import dataclass

from malipo_simulators.kit.api.answers import encode
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.rules import Fault
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.webhooks.posting import DeliveryFailed
from malipo_simulators.mpesa.c2b.notices import write_notice
from malipo_simulators.mpesa.c2b.payment import ByHand
from malipo_simulators.mpesa.state.calling_back import Callback, fault_of
from malipo_simulators.mpesa.state.registrations import C2bUrls, ResponseType
from malipo_simulators.mpesa.state.world import MpesaWorld, unsigned

ACCEPTED = "0"
OK_STATUSES = range(200, 300)
VALIDATION = "c2b.validation"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`code` is ResultCode as it came: 0 takes the payment, C2B00011 to C2B00016 refuse it, as does anything else."""

    code: str
    third_party_id: str = ""

    @property
    def takes_it(self) -> bool:
        return self.code == ACCEPTED


async def validate(world: MpesaWorld, paid: ByHand, urls: C2bUrls, receipt: str, cause: Cause) -> Verdict:
    """The organisation's verdict, or if none comes in time that can be understood, the default that it has registered."""
    body = encode(write_notice(paid, urls, receipt, world.clock.now()))
    callback = Callback(
        url=urls.validation_url,
        type=VALIDATION,
        id=receipt,
        about=receipt,
        body=body,
        account=urls.account,
        metadata=paid.known_by,
        amount=paid.amount,
    )
    try:
        async with asyncio.timeout(world.settings.validation_timeout_seconds):
            return read_verdict(await ask(world, callback, cause))
    except (DeliveryFailed, TimeoutError, ValueError):
        return Verdict(ACCEPTED if urls.default is ResponseType.COMPLETED else "no answer")


async def ask(world: MpesaWorld, callback: Callback, cause: Cause) -> bytes:
    """The body of a 2xx. A fault of webhooks loses the question, or holds it up. Raises DeliveryFailed."""
    fault = fault_of(world, callback, cause)
    if fault is not None and fault.fault == Fault.WEBHOOK_DROP:
        raise DeliveryFailed("lost on request")
    if fault is not None and fault.fault == Fault.WEBHOOK_LATE:
        await asyncio.sleep(fault.delay_seconds)
    reply = await world.poster.ask(callback.url, callback.body, unsigned())
    if reply.status not in OK_STATUSES:
        raise DeliveryFailed(f"HTTP {reply.status}")
    return reply.body


def read_verdict(body: bytes) -> Verdict:
    """Raise ValueError if it says nothing that is understood. The code may be number or text."""
    given: Json | list[object] | str | float | None = json.loads(body)
    if not isinstance(given, dict) or "ResultCode" not in given:
        raise ValueError("no ResultCode")
    return Verdict(str(given["ResultCode"]), str(given.get("ThirdPartyTransID") or ""))
