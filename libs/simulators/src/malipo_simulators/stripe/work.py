"""One piece of work on an account: what may change, what caused it, and telling the world about it."""

from dataclasses import dataclass

from malipo_simulators.stripe.account import Account
from malipo_simulators.stripe.book import Kind
from malipo_simulators.stripe.events import Happening
from malipo_simulators.stripe.models import Charge, Dispute, PaymentIntent, Refund
from malipo_simulators.stripe.publishing import publish
from malipo_simulators.stripe.render import draw_charge, draw_dispute, draw_payment_intent, draw_refund
from malipo_simulators.stripe.shapes import Json
from malipo_simulators.stripe.world import Cause, World


@dataclass(frozen=True, slots=True)
class Work:
    world: World
    account: Account
    cause: Cause

    @property
    def now(self) -> int:
        return self.world.clock.now()

    def mint(self, prefix: str) -> str:
        return self.world.ids.mint(prefix)

    def book(self, kind: Kind, charge: Charge, amount: int, *, refund: Refund | None = None) -> None:
        """Write down that money moved. The key quoted is that of the request that asked for it."""
        key = self.cause.idempotency_key or (refund.idempotency_key if refund else charge.intent.book_key)
        self.world.book.record(kind, charge, amount, self.now, key=key, refund=refund)

    def tell_intent(self, what: str, intent: PaymentIntent) -> None:
        self._tell(f"payment_intent.{what}", draw_payment_intent(intent), intent)

    def tell_charge(self, what: str, charge: Charge, previous: Json | None = None) -> None:
        self._tell(f"charge.{what}", draw_charge(charge), charge.intent, previous)

    def tell_refund(self, event_type: str, refund: Refund, previous: Json | None = None) -> None:
        self._tell(event_type, draw_refund(refund), refund.charge.intent, previous)

    def tell_dispute(self, what: str, dispute: Dispute, previous: Json | None = None) -> None:
        self._tell(f"charge.dispute.{what}", draw_dispute(dispute), dispute.charge.intent, previous)

    def _tell(self, event_type: str, drawn: Json, intent: PaymentIntent, previous: Json | None = None) -> None:
        publish(self.world, self.account, self.cause, Happening(event_type, drawn, previous), intent)
