"""The /v1/refunds operations, and refunds that change their mind after the API has answered."""

from collections.abc import Callable
from typing import Literal

from malipo_simulators.stripe.book import Kind
from malipo_simulators.stripe.call import Call
from malipo_simulators.stripe.cards import RefundFate
from malipo_simulators.stripe.errors import missing, no_such, refused_state
from malipo_simulators.stripe.fault_rules import Fault
from malipo_simulators.stripe.faults import Applied
from malipo_simulators.stripe.models import Charge, DisputeStatus, Refund, RefundStatus
from malipo_simulators.stripe.money import check_fraction
from malipo_simulators.stripe.params import Params
from malipo_simulators.stripe.render import draw_list, draw_refund, read_expand
from malipo_simulators.stripe.shapes import Json
from malipo_simulators.stripe.timeline import Timeline
from malipo_simulators.stripe.work import Work
from malipo_simulators.stripe.world import Cause

REASONS = ("duplicate", "fraudulent", "requested_by_customer")
FAILURE_REASON = "lost_or_stolen_card"
FATES = {
    Fault.REFUND_PENDING_THEN_SUCCEEDS: RefundFate.PENDING_THEN_SUCCEEDS,
    Fault.REFUND_PENDING_THEN_FAILS: RefundFate.PENDING_THEN_FAILS,
    Fault.REFUND_SUCCEEDS_THEN_FAILS: RefundFate.SUCCEEDS_THEN_FAILS,
}
PENDING_FIRST = (RefundFate.PENDING_THEN_SUCCEEDS, RefundFate.PENDING_THEN_FAILS)


def create(call: Call) -> Json:
    """POST /v1/refunds: all that is left of a charge, or a part; never more than was captured."""
    params = call.params()
    intent_id, charge_id = params.text("payment_intent"), params.text("charge")
    amount, reason = params.positive("amount"), params.choice("reason", REASONS)
    metadata = {key: value for key, value in params.metadata().items() if value}
    expand = read_expand(params.strings("expand"))
    params.finish()
    charge = find_charge(call, intent_id, charge_id)
    refund = make(call.work, charge, amount, reason=reason, metadata=metadata)
    return draw_refund(refund, expand)


def make(
    work: Work, charge: Charge, amount: int | None, *, reason: str | None, metadata: dict[str, str] | None = None
) -> Refund:
    """Refund a charge, or raise 400 for what cannot go back. Without an amount all that is left of it."""
    refund = Refund(
        id=work.mint("re"),
        charge=chargeable(charge),
        amount=checked_amount(charge, amount),
        created=work.now,
        reason=reason,
        metadata=metadata or {},
        idempotency_key=work.cause.idempotency_key,
        status=RefundStatus.SUCCEEDED,
        fate=fate_of(charge, work.cause.fault),
    )
    carry_out(work, refund)
    return refund


def find_charge(call: Call, intent_id: str | None, charge_id: str | None) -> Charge:
    if charge_id is not None:
        charge = call.account.charges.find(charge_id)
        if charge is None:
            raise no_such("charge", charge_id, param="charge")
        return charge
    if intent_id is None:
        raise missing("payment_intent")
    intent = call.account.intents.find(intent_id)
    if intent is None:
        raise no_such("payment_intent", intent_id, param="payment_intent")
    if intent.charge is None:
        raise refused_state(f"PaymentIntent {intent_id} has no successful charge to refund.")
    return intent.charge


def chargeable(charge: Charge) -> Charge:
    if charge.decline is not None or not charge.captured:
        raise refused_state(f"Charge {charge.id} took no money, so there is nothing to refund.")
    if charge.dispute is not None and charge.dispute.status is not DisputeStatus.WON:
        raise refused_state(f"Charge {charge.id} is disputed: its money is with the bank.", code="charge_disputed")
    return charge


def checked_amount(charge: Charge, amount: int | None) -> int:
    if charge.refundable == 0:
        raise refused_state(f"Charge {charge.id} has already been refunded.", code="charge_already_refunded")
    amount = amount or charge.refundable
    check_fraction(amount, charge.intent.currency)
    if amount > charge.refundable:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({charge.refundable})"
        raise refused_state(message, code="amount_too_large", param="amount")
    return amount


def fate_of(charge: Charge, fault: Applied | None) -> RefundFate:
    """A scripted fate wins over the test card's own."""
    scripted = FATES.get(fault.fault) if fault else None
    return scripted or charge.payment_method.card.refund


def carry_out(work: Work, refund: Refund) -> None:
    """The balance is debited when the refund is made, even while it is pending."""
    if refund.fate in PENDING_FIRST:
        refund.status = RefundStatus.PENDING
    charge = refund.charge
    charge.amount_refunded += refund.amount
    charge.intent.refunds.append(refund)
    work.account.refunds.append(refund)
    work.account.earn(charge.intent.currency, -refund.amount)
    work.book(Kind.REFUND, charge, refund.amount, refund=refund)
    work.tell_refund("refund.created", refund)
    work.tell_charge("refunded", charge)
    plan_ending(work, refund)


def plan_ending(work: Work, refund: Refund) -> None:
    ending = ENDINGS.get(refund.fate)
    if ending is None:
        return
    fault = work.cause.fault
    scripted = fault is not None and fault.fault in FATES
    delay_seconds = fault.delay_seconds if fault and scripted else work.world.settings.refund_delay_seconds
    later = Work(work.world, work.account, Cause("POST", "/_sim/refunds"))
    work.world.later(delay_seconds, lambda: ending(later, refund))


def succeed(work: Work, refund: Refund) -> bool:
    """Pending becomes succeeded. False if it is no longer pending."""
    if refund.status is not RefundStatus.PENDING:
        return False
    refund.status = RefundStatus.SUCCEEDED
    announce_change(work, refund, {"status": RefundStatus.PENDING})
    return True


def fail(work: Work, refund: Refund) -> bool:
    """Pending or even succeeded becomes failed, and the money is back. False if it had failed already."""
    if refund.status is RefundStatus.FAILED:
        return False
    before = refund.status
    refund.status, refund.failure_reason = RefundStatus.FAILED, FAILURE_REASON
    refund.charge.amount_refunded -= refund.amount
    work.account.earn(refund.charge.intent.currency, refund.amount)
    work.book(Kind.REFUND_FAILED, refund.charge, refund.amount, refund=refund)
    announce_change(work, refund, {"status": before})
    work.tell_refund("refund.failed", refund)
    return True


def announce_change(work: Work, refund: Refund, previous: Json) -> None:
    """Both names of the same news: the old one under the charge, the new one under the refund."""
    work.tell_refund("charge.refund.updated", refund, previous)
    work.tell_refund("refund.updated", refund, previous)


ENDINGS: dict[RefundFate, Callable[[Work, Refund], bool]] = {
    RefundFate.PENDING_THEN_SUCCEEDS: succeed,
    RefundFate.PENDING_THEN_FAILS: fail,
    RefundFate.SUCCEEDS_THEN_FAILS: fail,
}


type EndingName = Literal["succeed", "fail"]
BY_NAME: dict[EndingName, Callable[[Work, Refund], bool]] = {"succeed": succeed, "fail": fail}


def retrieve(call: Call) -> Json:
    """Answers GET /v1/refunds/{id}."""
    refund = call.account.refunds.get(call.item_id)
    params = call.params()
    expand = read_expand(params.strings("expand"))
    params.finish()
    return draw_refund(refund, expand)


def listing(call: Call) -> Json:
    """GET /v1/refunds: newest first, all of them or those of one payment."""
    params = call.params()
    page, expand = params.page(), read_expand(params.strings("expand"), listing=True)
    source = read_source(call, params)
    params.finish()
    found, has_more = source.page(page)
    return draw_list([draw_refund(refund, expand) for refund in found], "/v1/refunds", has_more=has_more)


def read_source(call: Call, params: Params) -> Timeline[Refund]:
    """The refunds of one payment are few and known to it, so no list of all is searched for them."""
    intent_id, charge_id = params.text("payment_intent"), params.text("charge")
    if intent_id is None and charge_id is None:
        return call.account.refunds
    charge = call.account.charges.find(charge_id) if charge_id else None
    intent = charge.intent if charge else call.account.intents.find(intent_id or "")
    chosen = Timeline[Refund]("refund")
    for refund in intent.refunds if intent else ():
        if charge_id in (None, refund.charge.id) and intent_id in (None, refund.charge.intent.id):
            chosen.append(refund)
    return chosen
