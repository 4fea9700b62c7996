"""How an order stands at PayPal, as Malipo's outcomes. What its payments say decides, never the order's own status. Pure.

Of the payer an order's `payment_source` has the e-mail address: of it the mask is told, with the approval, and nothing else.
"""

import re
from collections.abc import Iterable, Sequence

from malipo.contracts.outcomes import (
    AMOUNT_MISMATCH,
    ActionRequired,
    Approval,
    Approved,
    Authorized,
    Canceled,
    Declined,
    Outcome,
    Pending,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.contracts.provider_commands import Cancel, Capture, Charge, Confirm, Refund
from malipo.contracts.providers.paypal import masked, own_reference
from malipo.money import Money
from provider_kit.provider import ProviderOperation, References
from provider_paypal import amounts
from provider_paypal.objects import AUTHORIZATION, CAPTURE, ORDER, Link, Order, Transaction, parent

_TAKEN = ("COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED")
"""Statuses of captures whose money has come, whatever has become of it."""
_REFUSED = ("DECLINED", "FAILED", "DENIED")
"""DENIED is not among the documented statuses, but its webhook is (PAYMENT.CAPTURE.DENIED)."""
_REFUND_ENDS = {"FAILED": "refund_failed", "CANCELLED": "refund_canceled"}
"""Statuses of refunds that give nothing back, and our codes for them where PayPal gives no reason."""
_OPEN = ("CREATED", "PARTIALLY_CAPTURED")
"""Statuses of authorizations that still hold money (Payments v2, `authorization_status`)."""
UNPAID = ("CREATED", "SAVED", "PAYER_ACTION_REQUIRED")
"""Statuses of orders whose payer has to approve, still or once more."""
_TO_PAYER = ("payer-action", "approve", "redirect")
"""The links that lead there: of an order that was made with `payment_source`, of one without, and of an error."""
_WORD = re.compile(r"[A-Z0-9_]{1,64}", re.ASCII)
OF_ANOTHER = Unknown(reason="another operation's object")
_LONG_WAIT_SECONDS = 6 * 3600  # four looks a day: the webhook tells it sooner
_LONG_WAITS = ("ECHECK", "PENDING_REVIEW", "BUYER_COMPLAINT", "VERIFICATION_REQUIRED")
"""Reasons of a pending payment that take hours or days: an eCheck up to six business days."""


def is_of_another(order: Order, operation: ProviderOperation) -> bool:
    """Whether it is another order than the operation makes or is about: an answer to something else, mixed up on the way.

    Nothing of it is believed, nor kept: its id would have us read that order for ever.
    """
    if isinstance(operation, Confirm | Capture | Cancel | Refund):
        return order.id != operation.reference
    custom_id = order.purchase_units[0].custom_id if order.purchase_units else None
    return custom_id not in (None, operation.operation_id)


def outcome_of_charge(order: Order, charge: Charge | Confirm) -> Outcome:
    """How the charge stands. Raises `ValueError` for an impossible amount."""
    if (total := _total(order)) is not None and total != charge.amount:
        return Unknown(reason=AMOUNT_MISMATCH, reference=order.id)
    return paid(order, charge) or _unpaid(order)


def approved(order: Order) -> Approved:
    """The outcome of an order that its payer has approved, and who that is, masked."""
    wallet = order.payment_source and order.payment_source.paypal
    email = wallet.email_address if wallet else ""
    return Approved(reference=order.id, payer=masked(email) if email else None)


def paid(order: Order, charge: Charge | Confirm) -> Outcome | None:
    """What was made of the order once the payer had agreed; None while nothing was. Raises `ValueError`."""
    if charge.capture == "manual":
        return _by_authorizations(order, charge.amount) or _by_captures(order)
    return _by_captures(order)


def outcome_once_nothing_is_held(order: Order) -> Outcome | None:
    """How a charge stands that is to be canceled; None while it still holds money. Raises `ValueError`.

    Of an order that nobody has captured or authorized nothing is left to be canceled: only our confirm could do that.
    """
    if holding(order):
        return None
    if seen := _by_captures(order):
        return Canceled(reference=order.id) if isinstance(seen, Declined) else seen
    statuses = {one.status for one in order.payments.authorizations}
    if statuses <= {"VOIDED", "DENIED"} and order.status in (*UNPAID, "APPROVED", "VOIDED", "COMPLETED"):
        nothing_made = not statuses and order.status == "COMPLETED"
        return Unknown(reason="completed without a payment") if nothing_made else Canceled(reference=order.id)
    return Unknown(reason=f"status {_unheard(order.payments.authorizations, order.status)}", reference=order.id)


def outcome_of_capture(capture: Capture, found: Transaction) -> Outcome | None:
    """The outcome of a capture of an authorization, which names the order as the charge does; None without its amount.

    Raises `ValueError`.
    """
    order = capture.reference
    if found.amount is None:
        return None
    if (amount := amounts.read(found.amount)) != capture.amount:
        return Unknown(reason=AMOUNT_MISMATCH, reference=order)
    return outcome_of_transaction(found, amount, order)


def outcome_of_refund(found: Transaction) -> Outcome | None:
    """The outcome of a refund; None without its amount. Raises `ValueError`."""
    if found.amount is None:
        return None
    match found.status:
        case "COMPLETED":
            return Succeeded(amount=amounts.read(found.amount), reference=found.id)
        case "PENDING":
            return Pending(reference=found.id, check_after=_LONG_WAIT_SECONDS, reason=_reason(found))
        case status if status in _REFUND_ENDS:
            code = _REFUND_ENDS[status]
            return Declined(code=_reason(found) or code, message=_words("The refund", found), reference=found.id)
        case unheard_of:
            return Unknown(reason=f"status {word(unheard_of)}", reference=found.id)


def page(links: Iterable[Link]) -> str | None:
    """Where the payer is sent to approve. Both names are PayPal's: which it is goes by how the order was made."""
    return next((link.href for rel in _TO_PAYER for link in links if link.rel == rel and link.href), None)


def approval(order: str, links: Iterable[Link]) -> ActionRequired | None:
    """The payer's approval at PayPal's page, if the links lead there."""
    url = page(links)
    return None if url is None else ActionRequired(action=Approval(url), reference=order)


def holding(order: Order) -> list[Transaction]:
    """The authorizations that hold money, the latest last: a reauthorization comes after what it renews."""
    return sorted(
        (one for one in order.payments.authorizations if one.status in _OPEN), key=lambda one: one.create_time
    )


def own_capture(order: Order, capture: Capture) -> Transaction | None:
    """What the capture has made: it has the invoice id that we gave it."""
    return _by_invoice(order.payments.captures, capture.operation_id)


def own_refund(order: Order, refund: Refund) -> Transaction | None:
    """What the refund has made."""
    by_custom = (one for one in order.payments.refunds if one.custom_id == refund.operation_id)
    return next(by_custom, None) or _by_invoice(order.payments.refunds, refund.operation_id)


def left_to_refund(order: Order) -> dict[str, int]:
    """By capture, in the order in which they were made, how many minor units may still be refunded. Raises `ValueError`."""
    left = {one.id: _minor(one) for one in order.payments.captures if one.status in _TAKEN}
    for refund in order.payments.refunds:
        capture = parent(refund, "captures")
        if capture in left and refund.status not in _REFUND_ENDS:
            left[capture] -= _minor(refund)
    refunded_whole = [one.id for one in order.payments.captures if one.status == "REFUNDED"]
    return left | dict.fromkeys(refunded_whole, 0)


def note(references: References, order: Order) -> None:
    """Keep the ids by which webhooks and statements name a charge."""
    references.note(ORDER, order.id)
    for role, made in ((AUTHORIZATION, order.payments.authorizations), (CAPTURE, order.payments.captures)):
        for one in made:
            references.note(role, one.id)


def _unpaid(order: Order) -> Outcome:
    match order.status:
        case status if status in UNPAID:
            return approval(order.id, order.links) or Unknown(reason="no page to approve", reference=order.id)
        case "APPROVED":
            return approved(order)
        case "VOIDED":
            return Canceled(reference=order.id)
        case "COMPLETED":
            return Unknown(reason="completed without a payment", reference=order.id)
        case unheard_of:
            return Unknown(reason=f"status {word(unheard_of)}", reference=order.id)


def _by_captures(order: Order) -> Outcome | None:
    """What the captures say together; None without any. One that was declined leaves the order to another one, unless it
    is completed. While one is pending they are not at their end.
    """
    captures = order.payments.captures
    unrefused = [one for one in captures if one.status not in _REFUSED]
    for one in unrefused:
        if one.status == "REVERSED" and len(unrefused) > 1:  # which is not all of the payment
            return Unknown(reason="one of several captures was reversed", reference=order.id)
        if one.status not in _TAKEN:
            return outcome_of_transaction(one, _money(one), order.id)
    if unrefused:
        return Succeeded(amount=_sum(unrefused), reference=order.id)
    return outcome_of_transaction(captures[-1], None, order.id) if captures and order.status == "COMPLETED" else None


def outcome_of_transaction(found: Transaction, amount: Money | None, order: str) -> Outcome:
    """The outcome of one capture of this order; without an amount no success."""
    match found.status:
        case status if status in _TAKEN and amount is not None:
            return Succeeded(amount=amount, reference=order)
        case "PENDING":
            return Pending(reference=order, check_after=_wait_of(found), reason=_reason(found))
        case status if status in _REFUSED:
            return declined(found, order)
        case "REVERSED":
            code = _reason(found) or "given_back"
            return Reversed(code=code, message="PayPal has given the money back to the payer.", reference=order)
        case unheard_of:
            return Unknown(reason=f"status {word(unheard_of)}", reference=order)


def declined(capture: Transaction, order: str) -> Declined:
    """The outcome of a capture of this order that PayPal has refused."""
    return Declined(code=_reason(capture) or "declined", message=_words("The capture", capture), reference=order)


def _by_authorizations(order: Order, amount: Money) -> Outcome | None:
    """What the authorizations say; None where the captures say it, or nothing was made.

    While money is held that may still be captured, the charge is authorized, whatever was captured before.
    """
    made = order.payments.authorizations
    if held := holding(order):
        whole = [one for one in held if one.amount is None or amounts.read(one.amount) == amount]
        return Authorized(amount=amount, reference=order.id) if whole else _misfit(order)
    if not made or order.payments.captures:
        return None
    last = max(made, key=lambda one: one.create_time)
    match last.status:
        case "PENDING":
            return Pending(reference=order.id, check_after=_wait_of(last), reason=_reason(last))
        case "DENIED":
            return Declined(
                code=_reason(last) or "declined", message=_words("The authorization", last), reference=order.id
            )
        case "VOIDED":
            return Canceled(reference=order.id)
        case unheard_of:
            return Unknown(reason=f"status {word(unheard_of)}", reference=order.id)


def _misfit(order: Order) -> Unknown:
    return Unknown(reason=AMOUNT_MISMATCH, reference=order.id)


def _total(order: Order) -> Money | None:
    """What the order is about; None in a minimal response."""
    amount = order.purchase_units[0].amount if order.purchase_units else None
    return None if amount is None else amounts.read(amount)


def _sum(some: Sequence[Transaction]) -> Money:
    currencies = {_currency(one) for one in some}
    if len(currencies) != 1:
        raise ValueError("captures in several currencies")
    return Money(sum(map(_minor, some)), currencies.pop())


def _minor(one: Transaction) -> int:
    return _money(one).amount_minor


def _currency(one: Transaction) -> str:
    return _money(one).currency


def _money(one: Transaction) -> Money:
    if one.amount is None:
        raise ValueError("a transaction without an amount")
    return amounts.read(one.amount)


def _by_invoice(some: Iterable[Transaction], operation_id: str) -> Transaction | None:
    return next((one for one in some if one.invoice_id == own_reference(operation_id)), None)


def _wait_of(found: Transaction) -> int | None:
    return _LONG_WAIT_SECONDS if _reason(found) in _LONG_WAITS else None


def _reason(found: Transaction) -> str | None:
    """PayPal's word for why it stands so, if it gives one."""
    text = found.status_details and found.status_details.reason
    return text if text and is_word(text) else None


def _words(what: str, found: Transaction) -> str:
    reason = _reason(found)
    why = f": {reason}." if reason else ", which gave no reason."
    return f"{what} was {_ENDS.get(found.status, 'refused')} by PayPal{why}"


_ENDS = {"DECLINED": "declined", "DENIED": "denied", "CANCELLED": "canceled"}


def _unheard(some: Iterable[Transaction], status: str) -> str:
    return word(next((one.status for one in some), status))


def is_word(text: str) -> bool:
    """Whether it looks like one of PayPal's words; anything else could be anything, and is told nowhere."""
    return _WORD.fullmatch(text) is not None


def word(text: str) -> str:
    """A word of PayPal's as it may be told."""
    return text if is_word(text) else "unreadable"
