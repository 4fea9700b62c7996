"""The one way to change an account: money is written down by `move`, and nowhere else; followers are told by `emit_...`."""

from dataclasses import dataclass

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.faults import PaypalFault
from malipo_simulators.paypal.objects.models import Authorization, Capture, Dispute, Order, Refund
from malipo_simulators.paypal.objects.money import Money, zero
from malipo_simulators.paypal.objects.render import (
    render_authorization,
    render_capture,
    render_dispute,
    render_order,
    render_refund,
    render_reversed,
)
from malipo_simulators.paypal.settings import PaypalSettings
from malipo_simulators.paypal.state.account import Account
from malipo_simulators.paypal.state.book import Effect, EffectKind
from malipo_simulators.paypal.state.events import EventType, Happening, ResourceType
from malipo_simulators.paypal.state.world import PaypalWorld

type Moved = Authorization | Capture | Refund


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one account, because of one request (or of a timer, a payer, a control route)."""

    world: PaypalWorld
    account: Account
    cause: Cause

    @property
    def now(self) -> int:
        return self.world.clock.now()

    @property
    def settings(self) -> PaypalSettings:
        return self.world.settings

    @property
    def fault(self) -> PaypalFault | None:
        """The one of PayPal alone that has struck this request."""
        struck = self.cause.fault.fault if self.cause.fault else None
        return PaypalFault(struck) if struck in tuple(PaypalFault) else None

    @property
    def fault_seconds(self) -> float:
        return self.cause.fault.delay_seconds if self.cause.fault else 0

    def because(self, path: str) -> "Change":
        """The same account's, for what follows later by itself."""
        return Change(self.world, self.account, Cause("POST", path, account=self.account.id))

    def move(
        self, kind: EffectKind, one: Moved, amount: Money, *, fee: Money | None = None, transaction: str | None = None
    ) -> None:
        """Write down that money moved (or is held, or let go): in the account's ledger and in the book.

        `transaction` is the id of an effect that is no object: it belongs to this one.
        """
        order = one.capture.order if isinstance(one, Refund) else one.order
        effect = Effect(
            seq=self.world.book.next_seq,
            account=self.account.id,
            kind=kind,
            id=transaction or one.id,
            parent=one.id if transaction else parent_of(one),
            order=order,
            amount=amount,
            fee=fee or zero(amount.currency),
            custom_id=one.custom_id,
            invoice_id=one.invoice_id,
            idempotency_key=self.cause.idempotency_key or getattr(one, "idempotency_key", None),
            at=self.now,
            descriptor=one.descriptor if kind is EffectKind.CAPTURE and isinstance(one, Capture) else None,
        )
        self.account.ledger.append(effect)
        self.world.book.record(effect)

    def emit_order(self, event: EventType, order: Order) -> None:
        self._emit(event, ResourceType.ORDER, render_order(order), order)

    def emit_reversed_approval(self, order: Order) -> None:
        self._emit(EventType.APPROVAL_REVERSED, ResourceType.ORDER, render_reversed(order), order)

    def emit_dispute(self, event: EventType, dispute: Dispute) -> None:
        self._emit(event, ResourceType.DISPUTE, render_dispute(dispute), dispute.capture.order)

    def emit_authorization(self, event: EventType, one: Authorization) -> None:
        self._emit(event, ResourceType.AUTHORIZATION, render_authorization(one), one.order)

    def emit_capture(self, event: EventType, one: Capture) -> None:
        self._emit(event, ResourceType.CAPTURE, render_capture(one), one.order)

    def emit_refund(self, event: EventType, one: Refund) -> None:
        self._emit(event, ResourceType.REFUND, render_refund(one), one.capture.order)

    def _emit(self, event: EventType, kind: ResourceType, resource: Json, order: Order) -> None:
        self.world.tell(Happening(event, kind, resource, self.account, order, self.cause, self.now))


def parent_of(one: Moved) -> str | None:
    match one:
        case Authorization():
            return one.root.id if one.root else None
        case Capture():
            return one.authorization.id if one.authorization else None
        case Refund():
            return one.capture.id
