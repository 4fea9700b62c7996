"""Posts to the URLs that clients have named: unsigned, once, and spoilt on request."""

from collections.abc import Callable
from dataclasses import dataclass, field

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import AppliedFault, Subject
from malipo_simulators.kit.webhooks.sending import Message, Sending
from malipo_simulators.mpesa.state.world import MpesaWorld


@dataclass(frozen=True, slots=True)
class Callback:
    """One POST to a client, ready to go.

    `type` is what fault rules call it (`stk`, `confirmation`, `result`, `timeout` ...). `id` stands in the body, where a
    forged twin has another. `about` is the payment's id, within which webhook_reorder changes the order; `metadata` and
    `amount` (shillings) are the payment's, for rules to match. `new_id` makes the id of a forged twin, if it is no
    request's.
    """

    url: str
    type: str
    id: str
    about: str
    body: bytes
    account: str
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    amount: int | None = None
    new_id: Callable[[], str] | None = None


def call_back(world: MpesaWorld, callback: Callback, cause: Cause, delay_seconds: float = 0) -> None:
    """Send it now, or after real time has passed; what a fault of webhooks does to it is decided when it goes."""
    if delay_seconds > 0:
        world.timers.later(delay_seconds, lambda: _send(world, callback, cause))
    else:
        _send(world, callback, cause)


def _send(world: MpesaWorld, callback: Callback, cause: Cause) -> None:
    fault = fault_of(world, callback, cause)
    message = Message(
        callback.id, callback.body, callback.about, callback.new_id or world.new_request_id, url=callback.url
    )
    Sending(message, world.courier_to(callback.url), world.timers, cause).send(fault)


def fault_of(world: MpesaWorld, callback: Callback, cause: Cause) -> AppliedFault | None:
    subject = Subject(
        cause.method, cause.path, callback.account, callback.metadata, callback.amount, event_type=callback.type
    )
    return world.faults.for_webhook(cause.fault, lambda: subject)
