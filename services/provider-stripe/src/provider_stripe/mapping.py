"""Stripe's responses as Malipo's outcomes. Pure."""

import re

import msgspec

from malipo.contracts.outcomes import (
    AMOUNT_MISMATCH,
    ActionRequired,
    Authorized,
    Canceled,
    Declined,
    Detached,
    OtherAction,
    Outcome,
    Pending,
    Redirect,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.contracts.provider_commands import Cancel, Capture, Charge, Detach, Refund, Setup
from malipo.money import Money
from provider_kit.concealed import Concealed
from provider_kit.disputes import Dispute
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import ERROR_STORED, ProviderOperation
from provider_stripe import saving
from provider_stripe.advice import retry_advice
from provider_stripe.objects import (
    FENCE,
    HELD,
    LISTING,
    OBJECT,
    OPERATION,
    PAYMENT,
    PROBLEMS,
    TAGGED,
    Failure,
    Found,
    Intent,
    NextAction,
    Problem,
    SetupIntent,
    StripeDispute,
    StripeRefund,
    StripeResponse,
)
from provider_stripe.standing import dispute_standing, token

_MAX_MESSAGE = 500
_CUSTOMER = re.compile(r"cus_\w+", re.ASCII)
"""What Stripe calls a customer, and names in refusals: nobody's business, the less so as it may be another one than the operation's."""

_LONG_WAITS = ("insufficient_funds", "charge_pending")
"""Why a refund is pending that waits for other money to arrive (docs.stripe.com/api/refunds/object, `pending_reason`)."""
_LONG_WAIT_SECONDS = 6 * 3600
_REFUND_ENDS = {"failed": "The refund failed", "canceled": "The refund was canceled"}

ARRIVED = Unknown(reason="the charge has reached Stripe, and its outcome is not found yet")
NOT_ASKED = Unknown(reason="declined without its customer, who is to be asked or is asked already")
NEVER_CHARGED = Declined(
    code="expired", message="The payment expired before Stripe received the charge, which can take no money any more."
)
OF_ANOTHER = Unknown(reason="another operation's object")
"""Nothing of it is believed, nor kept: its id would have us read that object for ever."""
_UNREADABLE_LIST = Unknown(reason="unreadable list")
KEY_MISFIT = Unknown(reason="the key was used for another request")
"""Stripe has seen the key with another form: a bug of ours, such as a form that changed between two versions."""
REFUSED_REPEAT = Unknown(reason="refused when it was repeated")
"""A repeat was refused as no valid request, before Stripe looked at its key: that proves nothing about the first try."""


def fenced(operation: Charge | Setup, response: StripeResponse) -> Outcome:
    """What Stripe's response to `fence` means for the operation, be it a charge. Raises as `outcome_of_response`.

    Stripe compares each request under a key with the first one that it began to carry out: a misfit means that this was
    the charge, which is there, or on its way. A fence, made now or found again, means that the charge is not there, for
    as long as Stripe knows the key. Nothing else proves anything: a request that is refused as invalid uses up no key.
    """
    refuse_unsent(response)
    try:
        if response.status == 200:
            return (
                NEVER_CHARGED if _is_fence(operation, response.body) else Unknown(reason="another object under the key")
            )
        if response.status == 400 and PROBLEMS.decode(response.body).error.type == "idempotency_error":
            return ARRIVED
    except ValueError:
        return Unknown(reason="unreadable answer")
    return _unread(response.status)


def _is_fence(operation: Charge | Setup, body: bytes) -> bool:
    return (TAGGED.decode(body).metadata or {}).get(FENCE) == operation.operation_id


def outcome_of_response(operation: ProviderOperation, response: StripeResponse, *, repeat: bool = False) -> Outcome:
    """What Stripe's response to the operation, perhaps a repeated one, means. Raises `NotSent` or `Misconfigured`."""
    refuse_unsent(response)
    match response.status:
        case 200:
            return effect(operation, response.body) or Unknown(reason="no effect yet")
        case 400 | 402 | 404:
            new = repeat and response.status != 402 and not response.replayed
            return _refused(operation, response.body, new_on_repeat=new)
        case status if status >= 500 and response.replayed:
            # It stays the response whatever becomes of the operation: Stripe may yet carry it out, or undo it.
            return Unknown(reason=ERROR_STORED)
        case status:
            return _unread(status)


def shown(operation: ProviderOperation, response: StripeResponse) -> Outcome | None:
    """The operation's outcome by an object that we read; None when it shows no effect of it. Raises as `outcome_of_response`."""
    refuse_unsent(response)
    return effect(operation, response.body) if response.status == 200 else _unread(response.status)


def effect(operation: ProviderOperation, body: bytes | msgspec.Raw) -> Outcome | None:
    """The operation's outcome by the object in `body`; None when it shows no effect of it (yet)."""
    try:
        return _detached(operation, body) if isinstance(operation, Detach) else _effect(operation, OBJECT.decode(body))
    except ValueError:  # no JSON, another shape, or an amount that cannot be
        return Unknown(reason="unreadable answer")


def read_page(operation: ProviderOperation, response: StripeResponse) -> tuple[Outcome | None, str | None]:
    """The operation's outcome by a page of a list, and the id to go on after; None for none. Raises as `outcome_of_response`."""
    refuse_unsent(response)
    if response.status != 200:
        return _unread(response.status), None
    try:
        page = LISTING.decode(response.body)
        tagged = [TAGGED.decode(raw) for raw in page.data]
    except ValueError:
        return _UNREADABLE_LIST, None
    if page.has_more and not tagged:
        return _UNREADABLE_LIST, None
    for raw, item in zip(page.data, tagged, strict=True):
        if (item.metadata or {}).get(OPERATION) == operation.operation_id:
            return effect(operation, raw), None
    return None, tagged[-1].id if page.has_more else None


def standing(found: Found) -> Outcome | None:
    """How a PaymentIntent, SetupIntent, Refund or Dispute stands; None while nothing was tried, or of a card that was kept. `ValueError` for an impossible amount."""
    match found:
        case Intent():
            return _intent_standing(found)
        case SetupIntent():
            return _setup_standing(found)
        case StripeRefund():
            return _refund_standing(found)
        case StripeDispute():
            return dispute_standing(found)


def _effect(operation: ProviderOperation, found: Found) -> Outcome | None:
    if _is_of_another(operation, found):
        return OF_ANOTHER
    match operation, found:
        case Charge(), Intent() if (found.amount, found.currency.upper()) == _plain(operation.amount):
            return saving.with_saved(operation, found, standing(found))
        case Charge(), Intent():
            return Unknown(reason=AMOUNT_MISMATCH, reference=found.id)
        case Setup() | Cancel(), SetupIntent():
            return _setup_effect(operation, found)
        case Capture(), Intent():
            return _unless(found, "requires_capture")
        case Cancel(), Intent():
            return _unless(found, "requires_capture", "processing")
        case (Refund(), StripeRefund()) | (Dispute(), StripeDispute()):
            return standing(found)
        case _:
            return Unknown(reason="another kind of object")


def _is_of_another(operation: ProviderOperation, found: Found) -> bool:
    """Whether it is tagged as another operation's or payment's, or is not what we change: an answer to something else, mixed up on the way."""
    match operation, found:
        case Charge() | Setup(), Intent() | SetupIntent():
            tag, ours = OPERATION, operation.operation_id
        case Refund(), StripeRefund():  # one that was opened there has no tag of an operation, and we have an id for it
            tag, ours = PAYMENT, operation.payment_id
        case Capture() | Cancel(), Intent() | SetupIntent():
            return found.id != operation.reference
        case _:
            return False
    return (found.metadata or {}).get(tag, ours) != ours


def _detached(detach: Detach, body: bytes | msgspec.Raw) -> Outcome | None:
    held = HELD.decode(body)
    if held.id != detach.reference:
        return Unknown(reason="another object")
    return Detached() if held.customer is None else None


def _setup_effect(operation: Setup | Cancel, found: SetupIntent) -> Outcome | None:
    """How a setup stands; after a cancel of it, that it is canceled or nothing: what else it is, is asked about the setup."""
    if isinstance(operation, Cancel):
        return Canceled(reference=found.id) if found.status == "canceled" else None
    return saving.kept(operation, found) if found.status == "succeeded" else standing(found)


def _unless(intent: Intent, *before: str) -> Outcome | None:
    """How a charge stands after a capture or cancel; None in the states that it can be in `before`."""
    waiting = ("requires_payment_method", "requires_confirmation", "requires_action", *before)
    return None if intent.status in waiting else standing(intent)


def _intent_standing(intent: Intent) -> Outcome | None:
    reference, failure = intent.id, intent.last_payment_error
    match intent.status:
        case "succeeded":
            return Succeeded(amount=_money(intent.amount_received, intent.currency), reference=reference)
        case "requires_capture":
            return Authorized(amount=_money(intent.amount_capturable, intent.currency), reference=reference)
        case "processing":
            return Pending(reference=reference)
        case "requires_action":
            return _action(reference, intent.next_action)
        case "canceled":
            return Canceled(reference=reference)
        case "requires_payment_method" if failure:
            return _declined(failure, reference)
        case "requires_payment_method" | "requires_confirmation":
            return None
        case unheard_of:
            return Unknown(reason=f"status {token(unheard_of)}", reference=reference)


def _setup_standing(setup: SetupIntent) -> Outcome | None:
    """How it stands; that it has succeeded says nothing without the card that is kept, which is to be read."""
    reference, failure = setup.id, setup.last_setup_error
    match setup.status:
        case "processing":
            return Pending(reference=reference)
        case "requires_action":
            return _action(reference, setup.next_action)
        case "canceled":
            return Canceled(reference=reference)
        case "requires_payment_method" if failure:
            return _declined(failure, reference)
        case "succeeded" | "requires_payment_method" | "requires_confirmation":
            return None
        case unheard_of:
            return Unknown(reason=f"status {token(unheard_of)}", reference=reference)


def _action(reference: str, action: NextAction | None) -> Outcome:
    """What the customer has to do: go to a page, or else something of which we have only Stripe's name."""
    page = action and action.redirect_to_url
    if page:
        return ActionRequired(action=Redirect(page.url), reference=reference)
    name = (action and token(action.type)) or "unknown"
    return ActionRequired(action=OtherAction(name), reference=reference)


def _refund_standing(refund: StripeRefund) -> Outcome:
    match refund.status:
        case "succeeded":
            return Succeeded(amount=_money(refund.amount, refund.currency), reference=refund.id)
        case "pending" if refund.pending_reason in _LONG_WAITS:
            return Pending(reference=refund.id, check_after=_LONG_WAIT_SECONDS)
        case "pending":
            return Pending(reference=refund.id)
        case "requires_action":
            return Pending(reference=refund.id, check_after=_LONG_WAIT_SECONDS)
        case "failed" if refund.failure_balance_transaction:
            return Reversed(
                code=token(refund.failure_reason) or "refund_failed",
                message="The refund came back to the balance at Stripe.",
                reference=refund.id,
            )
        case "failed" | "canceled":
            reason = token(refund.failure_reason)
            why = f": {reason}." if reason else ", which gave no reason."
            message = f"{_REFUND_ENDS[refund.status]} at Stripe{why}"
            return Declined(code=reason or f"refund_{refund.status}", message=message, reference=refund.id)
        case unheard_of:
            return Unknown(reason=f"status {token(unheard_of)}", reference=refund.id)


def _refused(operation: ProviderOperation, body: bytes, *, new_on_repeat: bool) -> Outcome:
    """The operation had no effect, unless the intent inside the error shows one.

    A response that is new on a repeat is about the repeat alone, but for the intent that the operation changes.
    """
    try:
        problem = PROBLEMS.decode(body).error
        intent = problem.payment_intent or problem.setup_intent
        seen = _effect(operation, intent) if intent and not isinstance(operation, Refund) else None
        if isinstance(operation, Capture) and isinstance(seen, Succeeded) and seen.amount != operation.amount:
            seen = None  # captured otherwise, so certainly not by this operation
    except ValueError:
        return Unknown(reason="unreadable error")
    match problem.type:
        case "card_error" | "invalid_request_error":
            if new_on_repeat and not (intent and isinstance(operation, Capture | Cancel)):
                return REFUSED_REPEAT
            return _explained(operation, seen or _declined(problem, intent.id if intent else None))
        case "idempotency_error":
            return KEY_MISFIT
        case unheard_of:
            return Unknown(reason=f"error {token(unheard_of)}")


def _declined(failure: Failure, reference: str | None) -> Declined:
    """Stripe's own code and text, and ours where it gives none."""
    own = "declined"
    text = "The payment was declined, without a reason."
    if isinstance(failure, Problem) and failure.type == "invalid_request_error":
        own = "invalid_request"
        text = "Stripe refused the request, without a reason."
    told = failure.message or ""
    message = Concealed(_CUSTOMER.findall(told)).without(told).strip()[:_MAX_MESSAGE] or text
    code = token(failure.decline_code) or token(failure.code) or own
    return Declined(code=code, message=message, reference=reference, retry=retry_advice(failure))


def _explained(operation: ProviderOperation, outcome: Outcome) -> Outcome:
    """The outcome; a decline that the merchant can do something about tells what."""
    if not isinstance(outcome, Declined) or outcome.code != "authentication_required":
        return outcome
    if not isinstance(operation, Charge) or operation.return_url:
        return outcome
    message = f"{outcome.message} Without a return_url the customer cannot be asked.".strip()
    return msgspec.structs.replace(outcome, message=message)


def refuse_unsent(response: StripeResponse) -> None:
    """Raise for a status by which, as Stripe documents, it has not carried out the request: 401, 403 or 429."""
    match response.status:
        case 401 | 403:
            raise Misconfigured("Stripe refuses the secret_key.")
        case 429:
            raise NotSent("rate limited", retry_after_seconds=response.retry_after_seconds or 1)
        case _:
            pass


def _unread(status: int) -> Unknown:
    return Unknown(reason=f"http {status}", silent=status >= 500)


def _money(amount_minor: int, currency: str) -> Money:
    return Money(amount_minor, currency.upper())


def _plain(money: Money) -> tuple[int, str]:
    return money.amount_minor, money.currency
