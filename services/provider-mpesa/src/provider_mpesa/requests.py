"""All requests to M-Pesa: their paths, and their bodies. Pure."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from malipo.contracts.provider_commands import Charge, Refund
from malipo.contracts.providers.mpesa import CONFIRMATION, PULL, SHILLING, VALIDATION, MpesaMethod, own_reference
from malipo.money import Money
from provider_kit.provider import Attempt
from provider_kit.statement import Stretch
from provider_mpesa.account import MpesaAccount
from provider_mpesa.times import date_and_time, timestamp

TOKEN = "/oauth/v1/generate"  # noqa: S105 - no secret
PUSH = "/mpesa/stkpush/v1/processrequest"
STK_QUERY = "/mpesa/stkpushquery/v1/query"
REVERSAL = "/mpesa/reversal/v1/request"
STATUS = "/mpesa/transactionstatus/v1/query"
C2B_REGISTER = "/mpesa/c2b/v2/registerurl"
PULL_REGISTER = "/pulltransactions/v1/register"
PULL_QUERY = "/pulltransactions/v1/query"

TO_PUSH, TO_REVERSAL, TO_REVERSAL_QUEUE, TO_STATUS, TO_STATUS_QUEUE = (
    "push",
    "result",
    "queue",
    "status",
    "status-queue",
)
"""The words of our requests in the addresses of their own callbacks."""

_TRANSACTION_TYPES = {"paybill": "CustomerPayBillOnline", "till": "CustomerBuyGoodsOnline"}
_DESCRIPTION_CHARS = 13

type Body = Mapping[str, str | int]
type AddressOf = Callable[[str], str]
"""The whole address of an account's callbacks with this one of its words."""


def push(attempt: Attempt, charge: Charge, account: MpesaAccount, at: datetime) -> Body:
    """Asks the customer's phone for the PIN."""
    assert isinstance(attempt.method, MpesaMethod)  # M-Pesa has no other
    return {
        **_signed(account, at),
        "TransactionType": _TRANSACTION_TYPES[account.keys.kind],
        "Amount": _shillings(charge.amount),
        "PartyA": attempt.method.phone,
        "PartyB": account.paid,
        "PhoneNumber": attempt.method.phone,
        "CallBackURL": attempt.callback_url(TO_PUSH),
        "AccountReference": own_reference(charge.operation_id),
        "TransactionDesc": _description(charge.description),
    }


def stk_query(account: MpesaAccount, checkout: str, at: datetime) -> Body:
    """Asks how a prompt has ended."""
    return {**_signed(account, at), "CheckoutRequestID": checkout}


def reversal(attempt: Attempt, refund: Refund, account: MpesaAccount, credential: str) -> Body:
    """Gives a payment back, whole. `RecieverIdentifierType` is M-Pesa's spelling."""
    return {
        "Initiator": account.keys.initiator or "",
        "SecurityCredential": credential,
        "CommandID": "TransactionReversal",
        "TransactionID": refund.reference,
        "Amount": _shillings(refund.amount),
        "ReceiverParty": account.keys.shortcode,
        "RecieverIdentifierType": "11",
        "ResultURL": attempt.callback_url(TO_REVERSAL),
        "QueueTimeOutURL": attempt.callback_url(TO_REVERSAL_QUEUE),
        "Remarks": "Refund",
    }


def reversal_status(attempt: Attempt, account: MpesaAccount, credential: str, originator: str) -> Body:
    """Asks how a reversal stands that was accepted under this `OriginatorConversationID`: the answer comes by callback."""
    return {
        "Initiator": account.keys.initiator or "",
        "SecurityCredential": credential,
        "CommandID": "TransactionStatusQuery",
        "OriginalConversationID": originator,
        "PartyA": account.keys.shortcode,
        "IdentifierType": "4",
        "ResultURL": attempt.callback_url(TO_STATUS),
        "QueueTimeOutURL": attempt.callback_url(TO_STATUS_QUEUE),
        "Remarks": "Refund",
    }


def c2b_register(account: MpesaAccount, address_of: AddressOf) -> Body:
    """Registers where payments by hand are asked about and confirmed. `Completed`: one is taken if our answer does not come in time."""
    return {
        "ShortCode": account.keys.shortcode,
        "ResponseType": "Completed",
        "ConfirmationURL": address_of(CONFIRMATION),
        "ValidationURL": address_of(VALIDATION),
    }


def pull_register(account: MpesaAccount, address_of: AddressOf) -> Body:
    """Has the account's transactions be shown."""
    number = account.keys.pull_number or ""
    return {
        "ShortCode": account.keys.shortcode,
        "RequestType": "Pull",
        "NominatedNumber": f"0{number[-9:]}",
        "CallBackURL": address_of(PULL),
    }


def pull_query(account: MpesaAccount, stretch: Stretch, offset: int) -> Body:
    """Asks for the rows of a statement in this time, behind the first `offset`."""
    return {
        "ShortCode": account.keys.shortcode,
        "StartDate": date_and_time(stretch.since),
        "EndDate": date_and_time(stretch.until + timedelta(seconds=1)),
        "OffSetValue": str(offset),
    }


def _signed(account: MpesaAccount, at: datetime) -> Body:
    """The timestamp is the same in the password: M-Pesa refuses any other."""
    stamp = timestamp(at)
    return {"BusinessShortCode": account.keys.shortcode, "Password": account.password(stamp), "Timestamp": stamp}


def _shillings(amount: Money) -> int:
    """Whole shillings: the descriptor refuses others, before anything is sent."""
    assert amount.currency == "KES"
    assert amount.amount_minor % SHILLING == 0
    return amount.amount_minor // SHILLING


def _description(text: str | None) -> str:
    """What may stand there of the payment's description."""
    return re.sub("[^A-Za-z0-9 ]", "", text or "")[:_DESCRIPTION_CHARS].strip() or "Payment"
