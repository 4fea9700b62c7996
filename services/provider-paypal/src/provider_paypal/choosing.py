"""What a capture, a void or a refund is made of: chosen once by the order, and committed before anything is sent. Pure."""

from datetime import datetime, timedelta

from malipo.contracts.outcomes import Canceled, Declined, Outcome, Succeeded
from malipo.contracts.provider_commands import Cancel, Capture, Confirm, Refund
from provider_kit.errors import NotSent
from provider_kit.provider import Attempt
from provider_kit.reading import moment
from provider_paypal import amounts, requests, standing
from provider_paypal.objects import AUTHORIZATION, CAPTURE, ORDER, Order
from provider_paypal.requests import PaypalRequest

LASTS = timedelta(days=29)
"""For how long an authorization may be captured, and so renewed ("Authorization and honor period")."""


def is_open(attempt: Attempt) -> bool:
    """Whether it is still to be chosen what the operation is made of."""
    match attempt.operation:
        case Capture() | Cancel():
            return attempt.references.get(AUTHORIZATION) is None
        case Refund():
            return attempt.references.get(CAPTURE) is None
        case _:
            return False


def choose(attempt: Attempt, order: Order) -> None:
    """Note what the operation is made of, if the order has such a thing. Raises `ValueError` for an impossible amount.

    A capture is of the authorization that was made last, and a void of the first: "any subsequent capture should be
    performed on the new Authorization ID", and "a reauthorization cannot be voided" (Authorization and honor period).
    """
    references, held = attempt.references, standing.holding(order)
    match attempt.operation:
        case Capture() if held:
            references.note(ORDER, order.id)
            references.note(AUTHORIZATION, held[-1].id)
        case Cancel() if held:
            first = min(order.payments.authorizations, key=lambda one: one.create_time)
            references.note(AUTHORIZATION, first.id)
            for one in order.payments.captures:
                references.note(CAPTURE, one.id)
        case Refund() as refund:
            left = standing.left_to_refund(order).items()
            if large := [capture for capture, minor in left if minor >= refund.amount.amount_minor]:
                references.note(CAPTURE, large[0])
        case _:
            pass


def renewal(attempt: Attempt, order: Order, now: datetime, honoured: timedelta) -> PaypalRequest | None:
    """The request that renews what a confirm of ours holds; None unless it is due. Raises `ValueError`.

    An authorization is `honoured` for three days; after that one that was never renewed nor captured may be renewed, once
    (`reauthorize_request`). It has a key of its own, which PayPal knows for longer than any authorization lasts.
    """
    match attempt.operation, order.payments.authorizations:
        case Confirm(), [held] if attempt.same_account and held.status == "CREATED" and held.amount is not None:
            made_at = moment(held.create_time)
            if made_at is not None and made_at + honoured <= now < made_at + LASTS:
                return requests.reauthorization(attempt, held.id, amounts.read(held.amount))
        case _:
            pass
    return None


def unchosen(attempt: Attempt, order: Order) -> Outcome:
    """The outcome of an operation that was never sent, as the order has nothing to make it of.

    Raises `NotSent` if it has by now: that is to be chosen and committed before. Raises `ValueError`.
    """
    choose(attempt, order)
    if not is_open(attempt):
        raise NotSent("the order has changed", retry_after_seconds=1)
    match attempt.operation:
        case Refund() as refund:
            return _not_refundable(refund, order)
        case Capture():
            return _not_capturable(order)
        case _:
            return standing.outcome_once_nothing_is_held(order) or Canceled(reference=order.id)


def _not_capturable(order: Order) -> Outcome:
    """The answer to a capture is the state of the charge after it, unless other captures have made that."""
    seen = standing.outcome_once_nothing_is_held(order)
    if seen is None or isinstance(seen, Succeeded):
        return Declined(code="nothing_to_capture", message="PayPal's authorization is captured already.")
    return seen


def _not_refundable(refund: Refund, order: Order) -> Declined:
    most = max(standing.left_to_refund(order).values(), default=0)
    message = "PayPal has captured nothing of this payment that could be refunded."
    if most > 0:
        message = (
            f"PayPal refunds each capture by itself, and {most} minor units of {refund.amount.currency} is the most that "
            "one of them has left: refund in parts of at most that."
        )
    return Declined(code="exceeds_capture", message=message)
