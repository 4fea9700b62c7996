"""Payments that customers make by hand: what is answered when M-Pesa asks whether to take one, and told when it has. Pure."""

from collections.abc import Mapping

from malipo.contracts.providers.mpesa import MpesaCredentials
from malipo.platform.logs import log
from provider_kit.bodies import name_of_body
from provider_kit.provider import NamedOperation, ParsedCallback, Unmatched
from provider_mpesa.events import ACKNOWLEDGED, SHOWN_WITHIN
from provider_mpesa.mapping import RECEIPT
from provider_mpesa.objects import BY_HAND, PaymentByHand, as_purpose, id_of, is_own_reference, money_of, text_of

VALID: Mapping[str, object] = {"ResultCode": "0", "ResultDesc": "Accepted"}
_REJECTED = "Rejected"
UNKNOWN_ACCOUNT_NUMBER: Mapping[str, object] = {"ResultCode": "C2B00012", "ResultDesc": _REJECTED}
WRONG_AMOUNT: Mapping[str, object] = {"ResultCode": "C2B00013", "ResultDesc": _REJECTED}
WRONG_SHORTCODE: Mapping[str, object] = {"ResultCode": "C2B00015", "ResultDesc": _REJECTED}
UNREADABLE: Mapping[str, object] = {"ResultCode": "C2B00016", "ResultDesc": _REJECTED}


def read(body: bytes) -> PaymentByHand | None:
    """The payment, or None for what is none, or has no receipt."""
    try:
        found = BY_HAND.decode(body)
    except ValueError:
        found = None
    if found is None or id_of(found.receipt) is None:
        log.error("payment by hand not understood", size_bytes=len(body))
        return None
    return found


def refusal(payment: PaymentByHand, keys: MpesaCredentials) -> Mapping[str, object] | None:
    """Why the merchant does not want it, whatever it is for; None if nothing but its purpose could be against it.

    A store's address is told of all of its tills, which may be under other labels.
    """
    amount = money_of(text_of(payment.amount))
    if keys.kind == "paybill" and text_of(payment.shortcode) != keys.shortcode:
        return WRONG_SHORTCODE
    if amount is None or not keys.by_hand.least <= amount.amount_minor <= keys.by_hand.most:
        return WRONG_AMOUNT
    return None


def purpose_of(payment: PaymentByHand) -> str:
    """What the customer has typed as the account number."""
    return as_purpose(text_of(payment.reference))


def told(body: bytes, payment: PaymentByHand | None, *, statement: bool) -> ParsedCallback:
    """A confirmation: nobody has signed it, so that it makes us look where the money is shown.

    That is the account's `statement`; if none is read, or it does not show the payment in time, the payment is kept, and a person
    is alerted. So is a person of what cannot be read and no statement shows. A charge whose name it has as its purpose is asked
    about.
    """
    name = name_of_body(body)
    if payment is None:
        unread = [] if statement else [Unmatched("payment_by_hand.unreadable", {})]
        return ParsedCallback(name, unmatched=unread, reply=ACKNOWLEDGED, hastens=True)
    ask, amount = purpose_of(payment), money_of(text_of(payment.amount))
    is_ours = is_own_reference(ask)  # a prompt's payment is confirmed, too
    return ParsedCallback(
        name,
        ask=[NamedOperation(kind="charge", references={"purpose": ask})] if is_ours else [],
        unmatched=[
            Unmatched(
                "payment_by_hand",
                {RECEIPT: text_of(payment.receipt)},
                amount,
                unless_ours=statement or not is_ours,
                waits=SHOWN_WITHIN if statement else None,
            )
        ],
        reply=ACKNOWLEDGED,
        hastens=True,
    )
