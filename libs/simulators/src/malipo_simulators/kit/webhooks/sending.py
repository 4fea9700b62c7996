"""Sends one event to one receiver, straight or through a webhook fault."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.rules import Fault
from malipo_simulators.kit.faults.scripted import AppliedFault
from malipo_simulators.kit.timers import Timers
from malipo_simulators.kit.webhooks.courier import Courier, Delivery, Held


@dataclass(frozen=True, slots=True)
class Message:
    """An event ready to go. `about` is the payment's id, within which webhook_reorder changes the order.

    `new_id` makes the id of a forged twin; `on_delivered` is called once, when the receiver has accepted it. `url`: where
    to, of a provider that calls back to the URL that each request names.
    """

    id: str
    body: bytes
    about: str
    new_id: Callable[[], str]
    on_delivered: Callable[[], None] | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """One message for one receiver, and the request that it follows from."""

    message: Message
    courier: Courier
    timers: Timers
    cause: Cause

    def send(self, fault: AppliedFault | None) -> None:
        """Queue it, as often and as late as the fault has it; any other is a flaw of its headers, or changes nothing."""
        delivery = self._delivery()
        if fault is None:
            self._post(delivery)
            return
        match fault.fault:
            case Fault.WEBHOOK_DROP:
                return
            case Fault.WEBHOOK_LATE:
                self._post(delivery, fault.delay_seconds)
            case Fault.WEBHOOK_REORDER:
                self._hold(delivery, fault.delay_seconds)
            case Fault.WEBHOOK_DUPLICATE:
                self._post(delivery)
                self._post(Delivery(self.message.id, self.message.body, self.message.url))
            case Fault.WEBHOOK_FORGED:
                self._post(self._forgery())
                self._post(delivery)
            case _:
                delivery.flaw = fault.fault
                self._post(delivery)

    def _delivery(self) -> Delivery:
        return Delivery(self.message.id, self.message.body, self.message.url, on_done=self.message.on_delivered)

    @property
    def _answer_waits(self) -> bool:
        return self.cause.fault is not None and self.cause.fault.fault == Fault.WEBHOOK_BEFORE_ANSWER

    def _post(self, delivery: Delivery, extra_seconds: float = 0) -> None:
        """What was held back for the same payment follows right behind."""
        held = self.courier.held.pop(self.message.about, None)
        if held is not None:
            delivery.then = held.release()
        if not self._answer_waits:
            self.courier.send(delivery, self.courier.usual_delay_seconds + extra_seconds)
            return
        delivery.first_attempt = asyncio.Event()
        if self.courier.send(delivery, extra_seconds):
            self.cause.answer_waits_for.append(delivery.first_attempt)

    def _hold(self, delivery: Delivery, at_most_seconds: float) -> None:
        """Keep it until the next event of this payment has gone first, but not for ever."""
        if self.message.about in self.courier.held:
            self._post(delivery)
            return
        held = self.courier.held[self.message.about] = Held(delivery)
        self.timers.later(at_most_seconds, lambda: self._let_go(held))

    def _let_go(self, held: Held) -> None:
        if held.waiting:
            self.courier.held.pop(self.message.about, None)
            self.courier.send(held.release(), 0)

    def _forgery(self) -> Delivery:
        """The same event under another id, signed without the secret."""
        fake_id = self.message.new_id()
        body = self.message.body.replace(self.message.id.encode(), fake_id.encode())
        return Delivery(fake_id, body, self.message.url, forged=True, once=True)
