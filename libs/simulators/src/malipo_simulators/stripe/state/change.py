"""The one way to change an account: movements of money go into the book, and events to the webhook endpoints."""

from dataclasses import dataclass

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.objects.models import Charge, Dispute, PaymentIntent, Refund
from malipo_simulators.stripe.objects.render import (
    render_charge,
    render_dispute,
    render_payment_intent,
    render_refund,
)
from malipo_simulators.stripe.state.account import Account
from malipo_simulators.stripe.state.book import Effect, EffectKind
from malipo_simulators.stripe.state.publishing import publish
from malipo_simulators.stripe.state.world import StripeWorld
from malipo_simulators.stripe.webhooks.event import EventData


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

    def book(self, kind: EffectKind, charge: Charge, amount: int, *, refund: Refund | None = None) -> None:
        """Write down that money moved, with the key of the request that caused it."""
        key = self.cause.idempotency_key or (refund.idempotency_key if refund else charge.intent.book_key)
        refund_id = refund.id if refund else None
        book = self.world.book
        book.record(Effect(book.next_seq, self.account.id, kind, charge, refund_id, amount, key, self.now))

    def emit_payment_intent(self, what: str, intent: PaymentIntent) -> None:
        self._emit(f"payment_intent.{what}", render_payment_intent(intent), intent)

    def emit_charge(self, what: str, charge: Charge, previous: Json | None = None) -> None:
        self._emit(f"charge.{what}", render_charge(charge), charge.intent, previous)

    def emit_refund(self, event_type: str, refund: Refund, previous: Json | None = None) -> None:
        self._emit(event_type, render_refund(refund), refund.charge.intent, previous)

    def emit_dispute(self, what: str, dispute: Dispute, previous: Json | None = None) -> None:
        self._emit(f"charge.dispute.{what}", render_dispute(dispute), dispute.charge.intent, previous)

    def _emit(self, event_type: str, rendered: Json, intent: PaymentIntent, previous: Json | None = None) -> None:
        publish(self.world, self.account, self.cause, EventData(event_type, rendered, previous), intent)
