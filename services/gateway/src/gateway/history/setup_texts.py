"""Each state of a method that is saved without a payment in plain words."""

from gateway.history.phrases import STARTS, of_operation
from gateway.history.words import ACCEPTED, FINAL, REFUSED, UNDER_WAY, Explanation
from malipo.contracts.events import PaymentMethodView
from malipo.contracts.failures import May
from malipo.contracts.retry import Advice

_OVER: tuple[May, ...] = ("save_anew",)
_ASKED: tuple[May, ...] = ("redirect", *UNDER_WAY)
_CAN_BE_CHARGED = "Nothing: it can be charged from now on."
_NOT_KEPT = "No money has moved, and the method is not kept."

SETUP: dict[tuple[str, str], Explanation] = {
    key: texts for key, texts in of_operation("request", *_OVER).items() if key[1] != REFUSED
} | {
    ("initiated", ACCEPTED): Explanation(
        "Malipo has accepted to have the method saved, for good.",
        f"{STARTS} Nothing is sent after `expires_at`.",
        UNDER_WAY,
    ),
    ("requires_action", "action_required"): Explanation(
        "The customer's bank wants the customer's approval first.",
        "The customer approves or refuses. In case the report of that is lost, Malipo asks the provider, next at `next_by`; at its "
        "`expires_at` it has the request canceled.",
        _ASKED,
    ),
    ("requires_action", "overdue"): Explanation(
        "The customer's approval is still awaited, and Malipo asks the provider whether the report of it was lost.",
        "The provider answers. If it has not by `next_by`, Malipo asks again.",
        _ASKED,
    ),
    ("requires_action", "expired"): Explanation(
        "The customer had not approved by its `expires_at`.",
        "Malipo has the provider cancel the request, or asks how it stands. The provider has the last word, and is asked again at "
        "`next_by`.",
        UNDER_WAY,
    ),
    ("completed", "saved"): Explanation("The provider keeps the method.", _CAN_BE_CHARGED, ("charge_method",)),
    ("completed", "method_changed"): Explanation(
        "The provider keeps the method, which is another card since, as its network has told.",
        _CAN_BE_CHARGED,
        ("charge_method",),
    ),
    ("failed", "declined"): Explanation(
        f"It was declined. {_NOT_KEPT} `failure` has the provider's own code and text.", FINAL, _OVER
    ),
    ("failed", "unroutable"): Explanation("Nothing was sent; `failure` says why.", FINAL, _OVER),
    ("canceled", "canceled"): Explanation(
        f"Its time, `expires_at`, was over before the customer had approved, or before it was sent. {_NOT_KEPT}",
        FINAL,
        _OVER,
    ),
    ("canceled", "expired"): Explanation(
        "Its time, `expires_at`, was over before Malipo could start it; nothing was sent.", FINAL, _OVER
    ),
}
"""By state and reason. What is common to everything that is sent to a provider is there as of an operation."""

SAVE_ADVICE: dict[Advice, str] = {
    "try_again_later": "The same method may be saved later, by a new request; not before `failure.retry.not_before`, if that is told.",
    "ask_customer": "Save it with a `return_url`, so that the customer can be asked: the bank wants to know whose it is.",
    "do_not_try_again": "Do not try this method again: card networks fine who does. Ask the customer for another one.",
}
"""What to do after a decline to save, where what is said of a charge does not fit."""


def uncharged(method: PaymentMethodView, forbidden_by: str | None) -> Explanation | None:
    """Of a method that is kept: why a payment with it is refused all the same, if it is. `forbidden_by` as in `explained_setup`."""
    if method.card is not None and method.card.expired:
        return Explanation(
            "The provider keeps the method, whose last month is over.",
            "It is not charged until its network tells of a new card, as `payment_method.updated` does.",
            _OVER,
        )
    if forbidden_by is not None:
        return Explanation(
            f"The provider keeps the method. The decline of {forbidden_by} said never to charge it again.",
            "It is not charged unless you insist, with `despite_decline`.",
            _OVER,
        )
    return None
