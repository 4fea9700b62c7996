"""Malipo's own codes of failures, as one table: why a payment, capture, cancel or refund failed, and what to do about it.

Every other code is the provider's own and passes through as it is, with the provider's text in the failure's message.
Why a command is refused is a `RefusalCode`, which is a problem of the API, too.
"""

from typing import Literal, NamedTuple

from malipo.contracts.events import Failure
from malipo.contracts.retry import Advice, Retry

May = Literal[
    "wait",
    "repeat",
    "redirect",
    "capture",
    "cancel",
    "refund",
    "request_return",
    "answer_dispute",
    "detach",
    "save_anew",
    "configure",
    "pay_anew",
    "charge_method",
]
"""What a merchant can be told to do next."""


class OwnFailure(NamedTuple):
    """What one code means. `may` comes before what the state allows: without it the next request fails the same way."""

    why: str
    advice: str
    may: tuple[May, ...] = ()


CREDENTIALS = "/v1/provider-credentials/{provider}/accounts/{account}"
"""In these texts: where the credentials are to be set that were used, those of the account `default` too."""

_AFTER_PATIENCE = "for a minute if a customer waited for it, else for a day"
_ANEW = "Start a new one."

OWN_FAILURES: dict[str, OwnFailure] = {
    "provider_misconfigured": OwnFailure(
        "Nothing was carried out: the provider refuses your credentials, or Malipo has none of yours that it can use.",
        f"PUT {CREDENTIALS} first: until then a new one fails the same way.",
        ("configure",),
    ),
    "provider_unreachable": OwnFailure(
        f"Nothing was carried out: the provider could not be reached, or took no more requests, {_AFTER_PATIENCE}.",
        "Start a new one when the provider is back.",
    ),
    "provider_unsupported": OwnFailure(
        "Nothing was sent: no provider takes this method and currency, or the payment's provider has no such command.",
        "Use another method, currency or provider.",
    ),
    "provider_error": OwnFailure(
        "The provider gave no clear answer, and long after it was sent the provider's book shows no effect of it.",
        "Malipo never sends this one again; look into the provider's dashboard before you start a new one.",
    ),
    "amount_unsupported": OwnFailure(
        "Nothing was sent: the provider cannot take this amount in this currency.", "Use another amount or currency."
    ),
    "invalid_request": OwnFailure(
        "Nothing was carried out: the provider refused it as invalid, and gave no code.",
        "The failure's message holds the provider's text: start a new one without what it names.",
    ),
    "declined": OwnFailure(
        "The provider declined it, and gave no code.",
        "The failure's message holds the provider's text, if it gave one; start a new one, perhaps with another method.",
    ),
    "configuration_behind": OwnFailure(
        f"Nothing was sent: your configuration had not reached the provider's service {_AFTER_PATIENCE}.", _ANEW
    ),
    "personal_data_behind": OwnFailure(
        f"Nothing was sent: the key to the payment's personal data had not reached the provider's service {_AFTER_PATIENCE}.",
        _ANEW,
    ),
    "personal_data_unreadable": OwnFailure(
        f"Nothing was sent: Malipo could not read the personal data that it needs {_AFTER_PATIENCE}.",
        "Start a new one; if it fails the same way, tell the operator of Malipo.",
    ),
    "personal_data_erased": OwnFailure(
        "Nothing was sent: the personal data that it needs was erased before.", "Start a new one with the data."
    ),
    "method_unreadable": OwnFailure(
        "Nothing was sent: the provider's service cannot read the payment's method. The fault is Malipo's, and its operators are alerted.",
        "Start a new one with another method, or when this is mended.",
    ),
    "insufficient_funds": OwnFailure(
        "The account that was to pay does not have enough money.",
        "Start a new one once it has, or, for a payment, with another method.",
    ),
    "limit_exceeded": OwnFailure(
        "The amount is beyond a limit of the provider, the customer or your account there.",
        "The failure's message says which: start a new one of another amount, or another day.",
    ),
    "not_cancelable": OwnFailure(
        "The bank works on it already, so that it is not canceled any more.",
        "Wait for its end: once it has arrived, ask for its return if the rail knows that.",
        ("wait",),
    ),
    "return_request_impossible": OwnFailure(
        "The bank cannot ask for it: that takes a rail that knows return requests, and a transfer that has arrived.",
        "Ask the recipient to send it back.",
    ),
    "repeated_too_soon": OwnFailure(
        "The provider takes the same amount from the same customer only once within some minutes.",
        "Make sure that the customer has not paid already, and start a new one in two minutes.",
    ),
    "customer_canceled": OwnFailure(
        "The customer refused to pay when the provider asked.", "Start a new one if the customer still wants to pay."
    ),
    "customer_not_reached": OwnFailure(
        "The provider could not ask the customer, or the customer did not answer in time.",
        "Start a new one when the customer has the phone at hand.",
    ),
    "customer_busy": OwnFailure(
        "The customer was not asked: another payment of theirs is under way at the provider.",
        "Start a new one in a minute.",
    ),
    "customer_locked": OwnFailure(
        "The customer's access to the provider is locked.",
        "The customer has to have it unlocked by the provider first.",
    ),
    "wrong_pin": OwnFailure("The customer entered a wrong PIN.", "Start a new one if the customer still wants to pay."),
    "method_unavailable": OwnFailure(
        "Nothing was sent: the saved method was detached before, or Malipo does not have it any more.",
        "Start a new one with another method.",
    ),
    "expired": OwnFailure(
        "Nothing was sent: the payment's time, `expires_at`, was over before it could be.",
        "Start a new one if it is still wanted.",
    ),
    "never_sent": OwnFailure(
        "Nothing was sent: it had not reached the provider's service when Malipo asked about it, and never will.",
        _ANEW,
    ),
    "captured_otherwise": OwnFailure(
        "This captured nothing: another amount has been captured.", "The payment's `amount_captured` is what was taken."
    ),
    "nothing_to_capture": OwnFailure(
        "Nothing was sent: the provider holds nothing any more that could be captured.",
        "The payment's `amount_captured` is what was taken.",
    ),
    "exceeds_capture": OwnFailure(
        "Nothing was sent: the provider refunds each capture by itself, and none has so much left.",
        "Refund in parts: the failure's message says how much one may be.",
        ("refund",),
    ),
    "given_back": OwnFailure(
        "The provider gave the money back to the customer, and told no reason.", "Ask the provider why."
    ),
    "payment_canceled": OwnFailure("The payment was canceled at the provider before.", "Start a new payment."),
    "payment_failed": OwnFailure(
        "There is nothing to change: the payment has failed, and moved no money.",
        "Nothing needs to be done; the payment's own `failure` says why.",
    ),
    "cancel_too_late": OwnFailure(
        "It came too late: the money has moved.", "Refund the payment; ask for the return of one to a recipient."
    ),
    "payment_authorized": OwnFailure(
        "The provider did not cancel: it still holds the amount.", "Cancel it once more, or capture it."
    ),
    "payment_action_required": OwnFailure(
        "The provider did not cancel: the charge still waits for the customer.",
        "Cancel it once more, or let the customer act.",
    ),
    "payment_method_saved": OwnFailure(
        "There is nothing to cancel: the provider has kept the method.", "Nothing needs to be done: it can be charged."
    ),
    "setup_canceled": OwnFailure(
        "It was canceled at the provider before the method was kept.", "Start a new one if it is still wanted."
    ),
    "method_no_card": OwnFailure(
        "What the provider has kept is no card, so that it cannot be charged here.",
        "Offer cards alone where methods are saved; it stays kept at the provider until it is detached there.",
    ),
    "payment_returned": OwnFailure(
        "There is nothing to change: the money had moved, and went back.", "The payment's own `failure` says why."
    ),
    "decided_by_operator": OwnFailure(
        "A person at Malipo has looked into the provider's book and decided that it had no effect.",
        "The failure's message holds the person's reason.",
    ),
    "refund_failed": OwnFailure(
        "The refund failed at the provider, which gave no reason: the money is with you.",
        "Refund it once more, or ask the provider.",
    ),
    "counted_otherwise": OwnFailure(
        "It is a refund of yours, which the provider had reported as made there: it is counted under its own id alone.",
        "Nothing needs to be done.",
    ),
    "refund_canceled": OwnFailure(
        "The refund was canceled at the provider: the money is with you.", "Refund it once more if you still mean to."
    ),
}
"""By the code in `failure`."""


RETRY_ADVICE: dict[Advice, str] = {
    "try_again_later": "The same method may be charged again later, by a new payment; not before `failure.retry.not_before`, if that is told.",
    "check_details": "The method's details are wrong or out of date: ask the customer for them anew before it is charged again.",
    "ask_customer": "Charge it while the customer is there and can be asked: the bank wants to know who pays.",
    "do_not_try_again": "Do not charge this method again: card networks fine who does. Ask the customer for another one.",
}
"""What to do after a decline, by what the provider or the card's network says of the next try."""


def failure_of(code: str, message: str = "", retry: Retry | None = None) -> Failure:
    """The failure as merchants see it: it has a code and a text, whatever the provider has left out."""
    if not code.strip():
        return failure_of("declined", message, retry)
    own = OWN_FAILURES.get(code)
    text = message.strip() or (own.why if own else f"The provider gave the code `{code}`, and no text.")
    return Failure(code, text, retry)
