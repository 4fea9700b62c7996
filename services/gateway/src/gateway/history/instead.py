"""What stands in place of a state's own text: what the customer must do, a correction, an operation under way, refunds."""

from typing import Literal

from gateway.history.words import CHARGING, FINAL, UNDER_WAY, Explanation
from malipo.contracts.commands import LatePayments
from malipo.contracts.descriptor import ActionKind

_UNTIL_EXPIRY = "Malipo asks the provider how it stands, next at `next_by`; at the payment's `expires_at` it has the charge canceled."
OTHER_ACTIONS: dict[ActionKind, Explanation] = {
    "approval": Explanation(
        "The customer must agree at the provider first; only then is the charge carried out.",
        f"Once the customer has agreed, Malipo has the charge carried out. {_UNTIL_EXPIRY}",
        ("redirect", "cancel", *UNDER_WAY),
    ),
    "phone_prompt": Explanation(
        "The customer must answer the prompt on the phone whose masked number is in `action`.",
        "Malipo asks the provider how it stands, next at `next_by`. A prompt may still be answered after `expires_at`.",
        UNDER_WAY,
    ),
    "other": Explanation(
        "The customer must act in a way that Malipo cannot show; `action` has the provider's name for it.",
        _UNTIL_EXPIRY,
        CHARGING,
    ),
}
"""The texts of a payment that requires an action other than to approve at the customer's bank, by the kind of action."""

CORRECTED: dict[LatePayments, Explanation] = {
    "keep": Explanation(
        "The payment had ended without money, and then the money came: the provider's book shows it, and Malipo follows the "
        "book.",
        "Nothing, unless you refund it. With your setting `late_payments` at `refund`, Malipo gives such money back by itself.",
        ("refund",),
    ),
    "refund": Explanation(
        "The payment had ended without money, and then the money came: the provider's book shows it, and Malipo follows the "
        "book. It gives the money back, as your setting `late_payments` says.",
        "The refund comes to its end; `operations` shows how it stands.",
        ("refund",),
    ),
}
"""The texts of a payment that was corrected to `completed`, by what its merchant wants of such money."""

NOT_BEGUN = Explanation(
    "The provider has taken the payment, and has not begun to work on it.",
    "The provider begins, and you are told; a transfer goes at its `execution_at`. If nothing is reported by `next_by`, Malipo asks.",
    CHARGING,
)
"""The text of a payment that is `initiated` at its provider, in place of its state's own."""

_SEE_OPERATIONS = "`operations` shows how it stands, and when Malipo asks next."
CHANGING: dict[tuple[Literal["capture", "cancel"], Literal["under way", "in doubt"]], Explanation] = {
    ("capture", "under way"): Explanation(
        "The provider holds the amount, and a capture of it is under way.", _SEE_OPERATIONS, UNDER_WAY
    ),
    ("capture", "in doubt"): Explanation(
        "The provider was asked to capture what it holds, and has not reported what became of that: the money may have been "
        "taken, or not. Malipo does not guess.",
        _SEE_OPERATIONS,
        UNDER_WAY,
    ),
    ("cancel", "under way"): Explanation("A cancel of the payment is under way.", _SEE_OPERATIONS, UNDER_WAY),
    ("cancel", "in doubt"): Explanation(
        "The provider was asked to cancel the payment, and has not reported what became of that. Malipo does not guess.",
        _SEE_OPERATIONS,
        UNDER_WAY,
    ),
}
"""The texts of a charge that holds money or waits for the customer while an operation changes it, in place of its own."""

TRANSFERRED: dict[Literal["arrived", "late", "asked", "in doubt", "returned"], Explanation] = {
    "arrived": Explanation(
        "The money is with the recipient's bank.",
        "Nothing, unless that sends it back, as a bank may do days later: then the payment is `returned`, and you are told.",
        ("request_return",),
    ),
    "late": Explanation(
        "The payment had ended without money, and then the money went to the recipient after all: the provider's book shows it, "
        "and Malipo follows the book.",
        "Nothing. You are told if the recipient's bank sends it back.",
        ("request_return",),
    ),
    "asked": Explanation(
        "The money is with the recipient's bank, which is asked to give it back.", _SEE_OPERATIONS, UNDER_WAY
    ),
    "in doubt": Explanation(
        "The recipient's bank was to be asked for the money, and what became of that is not reported. Malipo does not guess.",
        _SEE_OPERATIONS,
        UNDER_WAY,
    ),
    "returned": Explanation(
        "The money had gone to the recipient's bank, and came back to your account. `failure` has the bank's own code and text.",
        FINAL,
        ("pay_anew",),
    ),
}
"""The texts of money that has gone to a recipient, in place of those of money that was taken from a customer."""

DISPUTED: dict[Literal["open", "lost"], Explanation] = {
    "open": Explanation(
        "The provider has taken the money, and the customer has disputed the payment at the bank.",
        "The bank decides; `operations` shows how the dispute stands. A refund meanwhile takes `despite_dispute`: the bank may take "
        "the money beside it.",
        ("answer_dispute", "wait"),
    ),
    "lost": Explanation(
        "The provider has taken the money, and a dispute has given it back to the customer, or a part: `amount_disputed` says how much.",
        "Nothing, unless you refund what is left.",
        ("refund",),
    ),
}
"""The texts of a completed payment that is disputed, or was and is lost, in place of its own."""

REFUNDED: dict[Literal["under way", "in doubt", "of a part", "of all"], Explanation] = {
    "under way": Explanation(
        "The provider has taken the money, and a refund of it is under way.",
        "The refund comes to its end; `operations` shows how it stands.",
        ("refund",),
    ),
    "in doubt": Explanation(
        "The provider has taken the money, and has not reported what became of a refund of it: it may have been given back, "
        "or not. Malipo does not guess.",
        _SEE_OPERATIONS,
        ("refund",),
    ),
    "of a part": Explanation(
        "The provider has taken the money and given a part of it back.",
        "Nothing, unless you refund more of it.",
        ("refund",),
    ),
    "of all": Explanation("The provider has taken the money and given all of it back.", FINAL, ()),
}
"""The texts of a completed payment by its refunds, in place of its own."""
