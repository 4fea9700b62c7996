"""Samples of what M-Pesa's API and callbacks send, in the documented shapes, with other digits."""

import json
from datetime import timedelta
from functools import cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from malipo.contracts.commands import PaymentMethod
from malipo.contracts.providers.mpesa import DESCRIPTOR
from malipo.money import Money
from provider_kit.errors import NotReady
from provider_kit.provider import Addressed, Attempt, Callback, ProviderOperation, References
from provider_mpesa.account import Certificates
from provider_mpesa.client import MpesaClient
from provider_mpesa.provider import MpesaProvider
from testkit import operations
from testkit.tokens import MemoryTokens

CREDENTIALS = {
    "kind": "paybill",
    "shortcode": "600111",
    "consumer_key": "consumer-key-of-the-shop",
    "consumer_secret": "consumer-secret-of-the-shop",
    "passkey": "passkey-of-the-shop",
    "initiator": "reverser",
    "initiator_password": "password-of-the-reverser",
}
OTHER_CREDENTIALS = CREDENTIALS | {
    "shortcode": "600222",
    "consumer_key": "consumer-key-of-another",
    "consumer_secret": "consumer-secret-of-another",
    "passkey": "passkey-of-another",
    "initiator_password": "password-of-another",
}
TILL = CREDENTIALS | {"kind": "till", "shortcode": "600333", "till_number": "500333"}

KES_10 = Money(1000, "KES")
PHONE = "254722000111"
MASK = "2547*****111"
CHECKOUT = "ws_CO_21112026123000123722000111"
NAME = "ws_CO_21112026123000123~phone"
"""What is kept of it."""
RECEIPT = "SKL4TEST1A"
REVERSAL = "SKL4TEST2B"
CONVERSATION = "AG_20261121_2010test0a1b2c3d4e5f"
ORIGINATOR = "1111-22222222-3"
SETTLE = timedelta(minutes=10)

METHOD = PaymentMethod(type="mpesa", details={"phone": PHONE})


def charge(**changes):
    return operations.charge(**{"amount": KES_10, "method": METHOD} | changes)


def refund(**changes):
    return operations.refund(amount=KES_10, **{"reference": RECEIPT} | changes)


def attempt(operation: ProviderOperation, **changes) -> Attempt:
    return operations.attempt(operation, DESCRIPTOR, **{"credentials": CREDENTIALS} | changes)


class NoPauses:
    """Keeps none, but for the kinds of requests in `paused`; `begun` are those that were asked for, `turns` those that were waited for."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.paused: set[str] = set()
        self.turns: list[tuple[str, float]] = []

    async def require_none(self, app: str) -> None:
        if app in self.paused:
            raise NotReady("it pauses", retry_after_seconds=2)

    async def begin(self, app: str, reason: str) -> float:
        self.begun.append(reason)
        self.paused.add(app)
        return 2.0

    async def turn(self, app: str, seconds: float) -> float:
        self.turns.append((app, seconds))
        return 0.0


class MemoryPurposes:
    """As `provider_mpesa.purposes.Purposes`, in this process alone; or away, or slow."""

    def __init__(self) -> None:
        self.kept: set[tuple[str, str]] = set()
        self.error: Exception | None = None

    async def keep(self, account: str, references) -> None:
        self.kept |= {(account, one.lower()) for one in references}

    async def knows(self, account: str, reference: str) -> bool:
        if self.error:
            raise self.error
        return (account, reference.lower()) in self.kept


@cache
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def provider(http, *, timeout_seconds: float = 1, pauses=None, purposes=None, host: str = "") -> MpesaProvider:
    client = MpesaClient(
        http, MemoryTokens(), pauses or NoPauses(), hosts={"test": host, "live": host}, timeout_seconds=timeout_seconds
    )
    certificates = Certificates({"test": key().public_key()})
    return MpesaProvider(client, certificates, purposes or MemoryPurposes(), settle=SETTLE)


TOKEN = {"access_token": "token-of-the-shops-app", "expires_in": "3599"}


def pushed(**changes) -> dict:
    text = "Success. Request accepted for processing"
    return {
        "MerchantRequestID": "3333-44444444-1",
        "CheckoutRequestID": CHECKOUT,
        "ResponseCode": "0",
        "ResponseDescription": text,
        "CustomerMessage": text,
    } | changes


def asked(result: object = "0", text: str = "The service request is processed successfully.", **changes) -> dict:
    return {
        "ResponseCode": "0",
        "ResponseDescription": "The service request has been accepted successfully",
        "MerchantRequestID": "3333-44444444-1",
        "CheckoutRequestID": CHECKOUT,
        "ResultCode": result,
        "ResultDesc": text,
    } | changes


def failure(code: str, text: str) -> dict:
    return {"requestId": "5555-66666666-1", "errorCode": code, "errorMessage": text}


UNDER_WAY = failure("500.001.1001", "The transaction is being processed")


def accepted(**changes) -> dict:
    return {
        "OriginatorConversationID": ORIGINATOR,
        "ConversationID": CONVERSATION,
        "ResponseCode": "0",
        "ResponseDescription": "Accept the service request successfully.",
    } | changes


def paid(*, amount: object = 10.00, phone: object = int(PHONE), receipt: object = RECEIPT) -> dict:
    """The callback of a prompt that was paid, with an item that has no value."""
    items = [
        {"Name": "Amount", "Value": amount},
        {"Name": "MpesaReceiptNumber", "Value": receipt},
        {"Name": "Balance"},
        {"Name": "TransactionDate", "Value": 20261121123015},
        {"Name": "PhoneNumber", "Value": phone},
    ]
    body = {"MerchantRequestID": "3333-44444444-1", "CheckoutRequestID": CHECKOUT, "ResultCode": 0}
    body |= {"ResultDesc": "The service request is processed successfully.", "CallbackMetadata": {"Item": items}}
    return {"Body": {"stkCallback": body}}


def unpaid(result: object = 1032, text: str = "Request cancelled by user") -> dict:
    body = {"MerchantRequestID": "3333-44444444-1", "CheckoutRequestID": CHECKOUT, "ResultCode": result}
    return {"Body": {"stkCallback": body | {"ResultDesc": text}}}


def result(code: object = 0, **changes) -> dict:
    """The result of a reversal."""
    facts = {
        "Amount": "10.00",
        "OriginalTransactionID": RECEIPT,
        "Charge": "0.00",
        "TransCompletedTime": "20261121124000",
    }
    facts["DebitAccountBalance"] = "Utility Account|KES|7722.62|7722.62|0.00|0.00"
    told = {
        "ResultType": 0,
        "ResultCode": code,
        "ResultDesc": "The service request is processed successfully.",
        "OriginatorConversationID": ORIGINATOR,
        "ConversationID": CONVERSATION,
        "TransactionID": REVERSAL,
    }
    if code in (0, "0"):
        told["ResultParameters"] = parameters(facts)
    return {"Result": told | changes}


def stands(status: str = "Completed", **facts) -> dict:
    """The answer to a question how a reversal stands, which is another conversation."""
    found = {"TransactionStatus": status, "ReceiptNo": REVERSAL, "Amount": "10", "ConversationID": CONVERSATION}
    ids = {"OriginatorConversationID": "7777-88888888-1", "ConversationID": "AG_20261121_another"}
    return result(**ids, TransactionID="SKL0000000", ResultParameters=parameters(found | facts))


def parameters(facts: dict) -> dict:
    return {"ResultParameter": [{"Key": key, "Value": value} for key, value in facts.items()]}


def callback(event: object, **changes) -> Callback:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return Callback({"content-type": "application/json"}, body, **changes)


def about(operation: ProviderOperation, request: str, *known: tuple[str, str]) -> Addressed:
    """The own address of a request. The operation shows a mask, as the kit keeps it."""
    return Addressed(attempt(operation).operation, request, References(known))
