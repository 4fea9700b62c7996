"""The one way to change an account: movements of money go into the book, and events to the webhook endpoints."""

from dataclasses import dataclass
from typing import Protocol

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.objects.models import Charge, Refund
from malipo_simulators.stripe.objects.render import difference, render
from malipo_simulators.stripe.state.account import Account
from malipo_simulators.stripe.state.book import Effect, EffectKind
from malipo_simulators.stripe.state.publishing import Subjected, publish
from malipo_simulators.stripe.state.world import StripeWorld
from malipo_simulators.stripe.webhooks.event import EventData


class Told(Protocol):
    """What events tell of. Rules and the order of deliveries go by what it is `about`, as a refund is about its payment."""

    @property
    def about(self) -> Subjected: ...


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one account, because of one request (or of a timer, a customer, a bank)."""

    world: StripeWorld
    account: Account
    cause: Cause

    @property
    def now(self) -> int:
        return self.world.clock.now()

    def mint(self, prefix: str) -> str:
        return self.world.mint(prefix)

    def later(self, path: str) -> "Change":
        """The same account, when no request is the cause any more."""
        return Change(self.world, self.account, Cause("POST", path))

    def book(
        self, kind: EffectKind, charge: Charge, amount: int, *, refund: Refund | None = None, fee: int = 0
    ) -> None:
        """Write down that money moved, with the key of the request that caused it."""
        key = self.cause.idempotency_key or (refund.idempotency_key if refund else charge.intent.book_key)
        refund_id = refund.id if refund else None
        book = self.world.book
        book.record(Effect(book.next_seq, self.account.id, kind, charge, refund_id, amount, fee, key, self.now))

    def emit(self, event_type: str, thing: Told) -> None:
        self._publish(EventData(event_type, render(thing)), thing)

    def emit_update(self, event_type: str, thing: Told, before: Json) -> None:
        """With what has changed since it looked as in `before`."""
        now = render(thing)
        self._publish(EventData(event_type, now, difference(before, now)), thing)

    def emit_if_changed(self, event_type: str, thing: Told, before: Json) -> None:
        """The same, of what may have been left as it was: then nothing is told."""
        if render(thing) != before:
            self.emit_update(event_type, thing, before)

    def _publish(self, data: EventData, thing: Told) -> None:
        publish(self.world, self.account, self.cause, data, thing.about)
