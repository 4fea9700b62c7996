"""What texts about payments have in common: what one is made of, and what merchants may be told to do next."""

from typing import NamedTuple

from malipo.contracts.failures import CREDENTIALS, May

ACCEPTED = "accepted"
REFUSED = "refused"

MAY: dict[May, str] = {
    "wait": "Wait: Malipo goes on by itself. A webhook notifies your endpoints of what came of it, and this address shows it.",
    "repeat": (
        "Within seven days, send the same request again under the same Idempotency-Key, as often as you like: it has "
        "one effect. Under a new key it is another request: a second payment moves money a second time, and so does a second refund."
    ),
    "redirect": "Send the customer to the URL in `action`.",
    "capture": "Capture it, all or less.",
    "cancel": "Cancel it: what was not sent is stopped, what waits is canceled. It brings no money back that has moved by then.",
    "refund": "Refund what is left of it, all or less.",
    "request_return": "Have the recipient's bank asked to give all of it back; it may refuse.",
    "answer_dispute": "Answer the dispute at the provider by its `respond_by`, with evidence or by accepting it: without an answer it is lost.",
    "detach": "Detach the saved method once more, under a new Idempotency-Key: what is detached already stays so.",
    "save_anew": "Have a method kept once more: by a payment of the customer with `save_method`, or by itself.",
    "configure": f"First PUT {CREDENTIALS} with credentials that the provider accepts.",
    "pay_anew": "Start a new payment under a new Idempotency-Key: this one is over, and the provider has no money of it.",
    "charge_method": 'Charge it: start a payment with `{"type": "saved", "id": ...}` as its `method`.',
}
"""What a merchant can be told to do next: each of these is safe where it is shown."""


class Explanation(NamedTuple):
    """The texts of one state and the reason for it. `next_by` in them is the transition's deadline."""

    why: str
    next: str
    may: tuple[May, ...]


UNDER_WAY: tuple[May, ...] = ("wait", "repeat")
CHARGING: tuple[May, ...] = ("cancel", *UNDER_WAY)
FINAL = "Nothing: this is its end."
