"""What M-Pesa's result codes mean, in the merchant's words. Facts: "Result codes" of M-PESA Express and of Reversals. Pure."""

from collections.abc import Mapping

from malipo.contracts.outcomes import Declined

DONE = "0"

_NO_SUCH_NUMBER = (
    "M-Pesa finds no such number: `kind`, `shortcode` and `till_number` of the credentials do not fit together."
)
_INACTIVE = "The short code is not active at M-Pesa: ask Safaricom."

PROMPT_ENDS: Mapping[str, Declined] = {
    "1": Declined(code="insufficient_funds", message="The customer does not have enough money at M-Pesa."),
    "2": Declined(code="limit_exceeded", message="The amount is less than M-Pesa takes."),
    "3": Declined(code="limit_exceeded", message="The amount is more than M-Pesa takes at once."),
    "4": Declined(code="limit_exceeded", message="The amount is more than the customer may still pay today."),
    "8": Declined(
        code="limit_exceeded", message="With this amount your account at M-Pesa would hold more than it may."
    ),
    "17": Declined(
        code="repeated_too_soon", message="M-Pesa takes the same amount from the same customer once in two minutes."
    ),
    "1019": Declined(code="customer_not_reached", message="The customer did not answer the prompt in time."),
    "1025": Declined(code="customer_not_reached", message="M-Pesa could not send the prompt."),
    "1032": Declined(code="customer_canceled", message="The customer canceled the prompt."),
    "2001": Declined(code="wrong_pin", message="The customer entered a wrong PIN."),
    "2028": Declined(code="provider_misconfigured", message=_NO_SUCH_NUMBER),
    "8006": Declined(
        code="customer_locked",
        message="The customer's PIN is locked: Safaricom's customer care, 100 or 200, unlocks it.",
    ),
    "SFC_IC0003": Declined(code="provider_misconfigured", message=_NO_SUCH_NUMBER),
}
"""How a prompt has ended without money, by its result code."""

PROMPT_DOUBTS: Mapping[str, Declined] = {
    "26": Declined(code="customer_not_reached", message="M-Pesa was too busy to ask the customer."),
    "1001": Declined(code="customer_busy", message="The customer had another payment at M-Pesa under way."),
    "1037": Declined(
        code="customer_not_reached", message="The customer's phone could not be reached, or nobody answered."
    ),
    "9999": Declined(code="customer_not_reached", message="M-Pesa could not send the prompt."),
}
"""What may be paid all the same for a while (1037 "DS timeout": the customer may just be slow), and what it is if it is not."""

NOT_IN_STATEMENT = Declined(
    code="provider_error",
    message="M-Pesa never answered the request for the prompt, and the account's statement shows no payment of it.",
)
"""How a prompt has ended of which nothing is known but what the account was paid since."""

ANOTHER_PROMPT = Declined(
    code="customer_busy", message="The customer has another payment at M-Pesa under way: no second prompt is sent."
)
"""How a prompt is refused that was never sent ("Unable to lock subscriber")."""

REVERSAL_ENDS: Mapping[str, Declined] = {
    "1": Declined(code="insufficient_funds", message="Your account at M-Pesa does not have enough money."),
    "11": Declined(code="provider_misconfigured", message=_INACTIVE),
    "21": Declined(
        code="provider_misconfigured",
        message="The initiator may not reverse: it needs the role Org Reversals Initiator.",
    ),
    "2001": Declined(code="provider_misconfigured", message="M-Pesa refuses the initiator's name or password."),
    "2006": Declined(code="provider_misconfigured", message=_INACTIVE),
    "2028": Declined(code="provider_misconfigured", message="The short code may not reverse: ask Safaricom."),
    "8006": Declined(code="provider_misconfigured", message="The initiator's password is locked at M-Pesa."),
    "R000002": Declined(code="refund_failed", message="M-Pesa does not know the receipt that was to be reversed."),
}
"""How a reversal has ended without effect, by its result code. `R000001` is none: the money went back, and not by this one."""

STATUS_ENDS: Mapping[str, Declined] = {
    word: Declined(code="refund_failed", message=f"M-Pesa has not reversed the payment: {word}.")
    for word in ("Failed", "Cancelled", "Expired")
}
"""How a reversal has ended without effect, by the `TransactionStatus` that a question is answered with.

`Declined` is none: that is also what a reversal is called whose payment somebody else had reversed, and the money is gone then.
"""
