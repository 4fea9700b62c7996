"""Each state of a payment and of its operations in plain words: why, what happens next, what the merchant may do now.

The reason is the trigger of the transition into the state, as in the orchestrator's state table; a test of the
architecture checks that each of its transitions has a text, and that its rules accept what merchants are told they may
do. Beside the transitions there are what has been `accepted` and not started yet, and what was `refused`. What stands in
place of these texts is in `instead`.
"""

from gateway.history.phrases import (
    ASKS,
    ASKS_LATER,
    BY_PROVIDER,
    DECIDED,
    OR_A_PERSON,
    STARTS,
    THEN_DOUBT,
    of_operation,
)
from gateway.history.setup_texts import SETUP
from gateway.history.words import ACCEPTED, CHARGING, FINAL, UNDER_WAY, Explanation
from malipo.contracts.failures import OWN_FAILURES, May

_HELD: tuple[May, ...] = ("capture", "cancel", "wait")
_HOLD_LOOKED_AFTER = "It waits for you. At `next_by` Malipo asks the provider whether the hold still stands."
_UNLESS_REFUNDED = "Nothing, unless you refund it."
_KEPT = "The provider has also saved the customer's method, for later payments."
_CHANGED = "The method that it has saved is another card since, as its network or you have told the provider."

_TOO_LATE = "The customer agreed after the payment's `expires_at`: it is not charged any more."
_CALLED_OFF = (
    "Malipo has the provider cancel the charge, or asks how it stands. The provider has the last word, and is asked again "
    "at `next_by`."
)
_HELD_AFTER_THE_END = (
    "Then the provider reported that it holds the amount for it. No money was taken, and Malipo has the hold released."
)
_RELEASES = (
    "The release comes to its end; `operations` shows how it stands. If the provider refuses it, `cancel.failed` tells you, and "
    "the hold ends when the provider lets it lapse, or you end it at the provider. Should the money be taken after all, the "
    "payment is corrected."
)
_WENT_BACK = Explanation(
    "The money was taken, and went back to the customer, as a bank may do later. `failure` has the provider's own code "
    "and text.",
    FINAL,
    ("pay_anew",),
)

_PAYMENT: dict[tuple[str, str], Explanation] = {
    ("initiated", ACCEPTED): Explanation(
        "Malipo has accepted the payment for good.", f"{STARTS} Nothing is sent after `expires_at`.", CHARGING
    ),
    ("processing", "dispatched"): Explanation(
        "The payment is on its way to the provider, which has not answered yet.", THEN_DOUBT, CHARGING
    ),
    ("processing", "approved"): Explanation(
        "The customer has agreed, and Malipo has told the provider to carry the charge out; it has not answered yet.",
        THEN_DOUBT,
        CHARGING,
    ),
    ("processing", "expired"): Explanation(_TOO_LATE, _CALLED_OFF, CHARGING),
    ("pending", "pending"): Explanation("The provider has the payment and works on it.", ASKS_LATER, CHARGING),
    ("pending", "begun"): Explanation("The provider has begun to work on the payment.", ASKS_LATER, CHARGING),
    ("pending", "overdue"): Explanation(
        "The provider still works on the payment, as far as it has reported, and Malipo asks how it stands.",
        ASKS_LATER,
        CHARGING,
    ),
    ("pending", "expired"): Explanation(_TOO_LATE, _CALLED_OFF, CHARGING),
    ("requires_action", "action_required"): Explanation(
        "The customer's bank wants the customer's approval first.",
        "The customer approves or refuses. In case the report of that is lost, Malipo asks the provider, next at `next_by`; "
        "at the payment's `expires_at` it has the charge canceled.",
        ("redirect", "cancel", *UNDER_WAY),
    ),
    ("requires_action", "overdue"): Explanation(
        "The customer's approval is still awaited, and Malipo asks the provider whether the report of it was lost.",
        "The provider answers. If it has not by `next_by`, Malipo asks again.",
        ("redirect", "cancel", *UNDER_WAY),
    ),
    ("requires_action", "expired"): Explanation(
        "The customer had not approved by the payment's `expires_at`.", _CALLED_OFF, CHARGING
    ),
    ("authorized", "authorized"): Explanation(
        "The provider holds the amount for you and has taken nothing yet.", _HOLD_LOOKED_AFTER, _HELD
    ),
    ("authorized", "pending"): Explanation(
        "The provider holds the amount. It has reported since that it works on the charge; the hold stands.",
        _HOLD_LOOKED_AFTER,
        _HELD,
    ),
    ("authorized", "begun"): Explanation(
        "The provider holds the amount. It has reported since that it has begun to work on the charge; the hold stands.",
        _HOLD_LOOKED_AFTER,
        _HELD,
    ),
    ("authorized", "action_required"): Explanation(
        "The provider holds the amount. An older report, that the customer must act, came late.",
        _HOLD_LOOKED_AFTER,
        _HELD,
    ),
    ("authorized", "captured"): Explanation(
        "A part of the amount is captured: `amount_captured` says how much. The provider still holds the rest for you.",
        _HOLD_LOOKED_AFTER,
        _HELD,
    ),
    ("authorized", "overdue"): Explanation(
        "The provider has held the amount for a day or more, so Malipo asks it whether the hold still stands.",
        "The provider answers. If it has not by `next_by`, Malipo asks again.",
        _HELD,
    ),
    ("in_doubt", "unknown"): Explanation(
        "The payment was sent, and no answer came that Malipo understands: the money may have moved, or not. "
        "Malipo does not guess.",
        ASKS,
        CHARGING,
    ),
    ("in_doubt", "unclear"): Explanation(
        "The provider's last word about the payment is not clear: the money may have moved, or not. Malipo does not guess.",
        OR_A_PERSON,
        CHARGING,
    ),
    ("in_doubt", "overdue"): Explanation(
        "The provider has not reported in time what became of the payment: the money may have moved, or not. "
        "Malipo does not guess.",
        ASKS,
        CHARGING,
    ),
    ("in_doubt", "expired"): Explanation(_TOO_LATE, _CALLED_OFF, CHARGING),
    ("completed", "succeeded"): Explanation("The provider has taken the money.", _UNLESS_REFUNDED, ("refund",)),
    ("completed", "captured"): Explanation(
        "The provider has taken a part of the money: `amount_captured` says how much.", _UNLESS_REFUNDED, ("refund",)
    ),
    ("completed", "released"): Explanation(
        "The provider has taken what was captured, `amount_captured`, and holds the rest no longer.",
        _UNLESS_REFUNDED,
        ("refund",),
    ),
    ("completed", "received"): Explanation(
        "The customer has paid to your account without a payment of yours; what was given as the purpose is its `client_ref`.",
        _UNLESS_REFUNDED,
        ("refund",),
    ),
    ("completed", "decided_completed"): Explanation(
        f"A person at Malipo has found in the provider's book that the money has moved. {DECIDED}",
        _UNLESS_REFUNDED,
        ("refund",),
    ),
    ("completed", "saved"): Explanation(f"The provider has taken the money. {_KEPT}", _UNLESS_REFUNDED, ("refund",)),
    ("authorized", "saved"): Explanation(f"The provider holds the amount for you. {_KEPT}", _HOLD_LOOKED_AFTER, _HELD),
    ("returned", "saved"): Explanation(f"The money was taken, and went back. {_KEPT}", FINAL, ("pay_anew",)),
    ("completed", "method_changed"): Explanation(
        f"The provider has taken the money. {_CHANGED}", _UNLESS_REFUNDED, ("refund",)
    ),
    ("authorized", "method_changed"): Explanation(
        f"The provider holds the amount for you. {_CHANGED}", _HOLD_LOOKED_AFTER, _HELD
    ),
    ("returned", "method_changed"): Explanation(
        f"The money was taken, and went back. {_CHANGED}", FINAL, ("pay_anew",)
    ),
    ("canceled", "saved"): Explanation(
        f"The payment was canceled before any money moved. {_KEPT}", FINAL, ("pay_anew",)
    ),
    ("canceled", "method_changed"): Explanation(
        f"The payment was canceled before any money moved. {_CHANGED}", FINAL, ("pay_anew",)
    ),
    ("completed", "named"): Explanation(
        "The provider has taken the money, and has named the charge since: from now on it can be refunded.",
        _UNLESS_REFUNDED,
        ("refund",),
    ),
    ("returned", "reversed"): _WENT_BACK,
    ("failed", "declined"): Explanation(
        f"The payment was declined; no money has moved. {BY_PROVIDER}", FINAL, ("pay_anew",)
    ),
    ("failed", "authorized"): Explanation(f"The payment had failed. {_HELD_AFTER_THE_END}", _RELEASES, ("pay_anew",)),
    ("failed", "unroutable"): Explanation("Nothing was sent; `failure` says why.", FINAL, ("pay_anew",)),
    ("failed", "overdue"): Explanation("It could not be sent in time; nothing was sent.", FINAL, ("pay_anew",)),
    ("failed", "expired"): Explanation(
        "The payment's time, `expires_at`, was over before Malipo could start it; nothing was sent.",
        FINAL,
        ("pay_anew",),
    ),
    ("failed", "decided_failed"): Explanation(
        f"A person at Malipo has found that the provider's book shows no money of it. {DECIDED}", FINAL, ("pay_anew",)
    ),
    ("canceled", "canceled"): Explanation("The payment was canceled before any money moved.", FINAL, ("pay_anew",)),
    ("canceled", "authorized"): Explanation(
        f"The payment was canceled. {_HELD_AFTER_THE_END}", _RELEASES, ("pay_anew",)
    ),
}


_ASKS_FOR_THE_NAME = (
    "Malipo asks the provider by what name it has the charge, next at `next_by` and ever less often; the refund is sent as "
    "soon as that is known."
)
_STOPS = (
    "It ends unsent, or the provider reports what became of it. At `next_by` Malipo asks, and has it stopped once more."
)
_NEVER_SENT_NOW = Explanation(
    "The payment's money went back to the customer before the refund was sent, so that it never will be.",
    FINAL,
    ("pay_anew",),
)
_REFUND = of_operation("refund", "refund") | {
    ("waiting", "deferred"): Explanation(
        "The money is to be given back, and the provider has not named the charge yet, without which nothing can be refunded.",
        _ASKS_FOR_THE_NAME,
        UNDER_WAY,
    ),
    ("waiting", "overdue"): Explanation(
        "The refund still waits: the provider has not named the charge.", _ASKS_FOR_THE_NAME, UNDER_WAY
    ),
    ("processing", "opened"): Explanation(
        "Somebody has begun the refund at the provider itself, with your account there; it counts like one of yours.",
        "The provider reports how it stands. If it has not by `next_by`, Malipo asks it.",
        UNDER_WAY,
    ),
    ("processing", "payment_returned"): Explanation(
        "The payment's money went back to the customer while the refund was on its way. It is stopped if it was never sent.",
        _STOPS,
        UNDER_WAY,
    ),
    ("in_doubt", "payment_returned"): Explanation(
        "The payment's money went back to the customer while it was not known what became of the refund. It is stopped if it "
        "was never sent.",
        _STOPS,
        UNDER_WAY,
    ),
    ("completed", "succeeded"): Explanation("The provider has given the money back.", FINAL, ("refund",)),
    ("completed", "decided_completed"): Explanation(
        f"A person at Malipo has found that the provider has given the money back. {DECIDED}", FINAL, ("refund",)
    ),
    ("failed", "reversed"): Explanation(
        f"The refund came back: the money is with you. {BY_PROVIDER}", FINAL, ("refund",)
    ),
    ("failed", "declined"): Explanation(
        f"The refund was declined, or the customer's bank gave it back: the money is with you. {BY_PROVIDER}",
        FINAL,
        ("refund",),
    ),
    ("failed", "canceled"): _NEVER_SENT_NOW,
    ("failed", "payment_returned"): _NEVER_SENT_NOW,
}
_CAPTURE = of_operation("capture", "capture", "cancel") | {
    ("completed", "succeeded"): Explanation("The provider has taken the money that it held.", FINAL, ("refund",)),
    ("completed", "decided_completed"): Explanation(
        f"A person at Malipo has found that the provider has taken the money that it held. {DECIDED}",
        FINAL,
        ("refund",),
    ),
    ("failed", "canceled"): Explanation(OWN_FAILURES["payment_canceled"].why, FINAL, ("pay_anew",)),
}
_WAITS_FOR_THE_PAYMENT = (
    "If the payment was not sent, it is stopped and canceled. Else the provider reports how it stands: what has moved no money "
    "is canceled there; once money has moved, the cancel ends as `cancel_too_late`; and if the payment was declined, there is "
    "nothing to cancel. At `next_by` Malipo tries once more to stop it."
)
_CANCEL = of_operation("cancel", "cancel", "refund", "request_return", "pay_anew") | {
    ("waiting", "deferred"): Explanation(
        "Malipo has the cancel, and it is not known yet how the payment stands.", _WAITS_FOR_THE_PAYMENT, UNDER_WAY
    ),
    ("waiting", "overdue"): Explanation(
        "The cancel still waits: the provider has not reported how the payment stands.",
        _WAITS_FOR_THE_PAYMENT,
        UNDER_WAY,
    ),
    ("completed", "canceled"): Explanation("The payment was canceled.", FINAL, ("pay_anew",)),
    ("completed", "decided_completed"): Explanation(
        f"A person at Malipo has found that the payment is canceled at the provider. {DECIDED}", FINAL, ("pay_anew",)
    ),
    ("failed", "succeeded"): Explanation(OWN_FAILURES["cancel_too_late"].why, FINAL, ("refund", "request_return")),
    ("failed", "authorized"): Explanation(OWN_FAILURES["payment_authorized"].why, FINAL, ("cancel", "capture")),
    ("failed", "action_required"): Explanation(OWN_FAILURES["payment_action_required"].why, FINAL, ("cancel",)),
}
_RETURN_REQUEST = of_operation("return request", "request_return") | {
    ("completed", "succeeded"): Explanation(
        "The recipient's bank gives the money back: the payment is `returned` once your own bank has booked that.",
        FINAL,
        ("pay_anew",),
    ),
    ("completed", "decided_completed"): Explanation(
        f"A person at Malipo has found that the recipient's bank gives the money back. {DECIDED}", FINAL, ("pay_anew",)
    ),
    ("failed", "declined"): Explanation(
        f"The recipient's bank refused, or could not be asked: the money stays with the recipient. {BY_PROVIDER}",
        "Nothing by itself. Ask the recipient to send the money back: a bank that has answered answers the same again.",
        ("request_return",),
    ),
}
_DETACHED = "The saved method is detached: nobody can charge it any more."
_DETACH = of_operation("detach", "detach") | {
    ("completed", "detached"): Explanation(_DETACHED, FINAL, ("save_anew",)),
    ("completed", "opened"): Explanation(
        f"Somebody has detached it at the provider itself. {_DETACHED}", FINAL, ("save_anew",)
    ),
    ("completed", "decided_completed"): Explanation(
        f"A person at Malipo has found that it is. {_DETACHED} {DECIDED}", FINAL, ("save_anew",)
    ),
}
_THE_BANK_DECIDES = f"The customer's bank decides, as a rule within weeks. {ASKS_LATER}"
_WON = Explanation(
    "The dispute ended for you: won, or an inquiry that was closed. The money is yours.", FINAL, ("refund",)
)
_LOST = Explanation(
    "The dispute is lost: the customer has the money, which cannot be refunded any more.", FINAL, ("refund",)
)
_ANSWERING: tuple[May, ...] = ("answer_dispute", "wait")
_DISPUTE = {
    ("pending", "opened"): Explanation(
        "The customer has disputed the payment at the bank, or the bank inquires about it. `withdrawn` says whether it has taken the "
        "money yet, and `detail` why.",
        _THE_BANK_DECIDES,
        _ANSWERING,
    ),
    ("pending", "disputed"): Explanation(
        "The dispute is open, and has gone on since it was opened: its `status` says how far.",
        _THE_BANK_DECIDES,
        _ANSWERING,
    ),
    ("pending", "overdue"): Explanation(
        "The dispute is open, as far as the provider has reported, and Malipo asks how it stands.",
        _THE_BANK_DECIDES,
        _ANSWERING,
    ),
    ("won", "won"): _WON,
    ("won", "decided_failed"): _WON._replace(why=f"A person at Malipo has found that the dispute is won. {DECIDED}"),
    ("lost", "lost"): _LOST,
    ("lost", "decided_completed"): _LOST._replace(
        why=f"A person at Malipo has found that the dispute is lost. {DECIDED}"
    ),
}
_WARNED = Explanation(
    "The card's issuer suspects fraud; `detail` says of which kind.",
    "A dispute may follow; a refund before it may prevent that.",
    ("refund",),
)
_TEXTS = {
    "payment": _PAYMENT,
    "setup": SETUP,
    "refund": _REFUND,
    "capture": _CAPTURE,
    "cancel": _CANCEL,
    "return_request": _RETURN_REQUEST,
    "dispute": _DISPUTE,
    "fraud_warning": {("completed", "opened"): _WARNED},
    "detach": _DETACH,
}
EXPLANATIONS: dict[tuple[str, str, str], Explanation] = {
    (subject, state, reason): explanation
    for subject, texts in _TEXTS.items()
    for (state, reason), explanation in texts.items()
}
"""By what it is about, its state and the reason."""
