"""Malipo's operations as the bodies of M-Pesa's requests. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime

from malipo.contracts.provider_commands import Charge, Refund
from malipo.contracts.providers.mpesa import SHILLING, MpesaMethod, own_reference
from malipo.money import Money
from provider_kit.provider import Attempt
from provider_mpesa.account import MpesaAccount, timestamp

PUSH = "/mpesa/stkpush/v1/processrequest"
STK_QUERY = "/mpesa/stkpushquery/v1/query"
REVERSAL = "/mpesa/reversal/v1/request"
STATUS = "/mpesa/transactionstatus/v1/query"

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
