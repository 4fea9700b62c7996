"""The result of an accepted request, as it is posted to the URL that the request named."""

from dataclasses import dataclass, replace

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.faults import MpesaFault
from malipo_simulators.mpesa.http.fields import read_amount
from malipo_simulators.mpesa.money import encode_money
from malipo_simulators.mpesa.result_codes import QUEUED_TOO_LONG, UNKNOWN, ResultCode
from malipo_simulators.mpesa.results.request import Ask
from malipo_simulators.mpesa.state.book import Payment
from malipo_simulators.mpesa.state.calling_back import Callback, call_back
from malipo_simulators.mpesa.state.initiators import Role

COMPLETED, WAITING = 0, 1
TIMEOUT_URL = "https://internalsandbox.safaricom.co.ke/mpesa/{}results/v1/submit"
IN_TIMEOUT_URL = {Role.REVERSAL: "reversal", Role.B2C: "b2c", Role.BALANCE: "ab", Role.STATUS: "transactionstatus"}

type Parameters = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it, and for what payment. Of a parameter whose value is None the key stands alone.

    `receipt` is that of a transaction that was made; without one, M-Pesa shows the beginning of one.
    """

    code: ResultCode
    about: Payment | None = None
    receipt: str | None = None
    parameters: Parameters = ()


def tell(ask: Ask, outcome: Outcome) -> None:
    """Post it to ResultURL."""
    post(ask, outcome, ask.result_url, f"{ask.role}.result")


def tell_timeout(ask: Ask, about: Payment | None, delay_seconds: float) -> None:
    """Post to QueueTimeOutURL that the request waited too long, and was not carried out."""
    post(ask, Outcome(QUEUED_TOO_LONG, about), ask.timeout_url, f"{ask.role}.timeout", delay_seconds)


def post(ask: Ask, outcome: Outcome, url: str, event_type: str, delay_seconds: float = 0) -> None:
    about = outcome.about
    amount = read_amount(ask.request.given.get("Amount"))
    callback = Callback(
        url=url,
        type=event_type,
        id=ask.conversation_id,
        about=about.id if about else ask.conversation_id,
        body=encode_money({"Result": write_result(ask, outcome)}),
        account=ask.request.app.id,
        metadata=known_by(ask, about),
        amount=about.amount if amount is None and about else amount,
    )
    call_back(ask.request.world, callback, ask.request.cause, delay_seconds)


def known_by(ask: Ask, about: Payment | None) -> dict[str, str]:
    """What rules find a result by: what its payment is known by, and what the request names."""
    named = {"shortcode": ask.shortcode, "originator_conversation_id": ask.originator_conversation_id}
    receipt = ask.request.given.get("TransactionID")
    return (about.metadata if about else {}) | named | ({"receipt": str(receipt)} if receipt else {})


def write_result(ask: Ask, outcome: Outcome) -> Json:
    """The envelope. ResultCode is a number, but where M-Pesa's own codes have letters."""
    code = shown_code(ask, outcome)
    result: Json = {
        "ResultType": WAITING if outcome.code is QUEUED_TOO_LONG else COMPLETED,
        "ResultCode": code.code,
        "ResultDesc": code.text,
        "OriginatorConversationID": ask.originator_conversation_id,
        "ConversationID": ask.conversation_id,
        "TransactionID": outcome.receipt or ask.request.world.new_receipt()[:3] + "0000000",
    }
    if outcome.parameters:
        result["ResultParameters"] = {"ResultParameter": [write_pair(*pair) for pair in outcome.parameters]}
    return result | {"ReferenceData": {"ReferenceItem": reference_item(ask)}}


def shown_code(ask: Ask, outcome: Outcome) -> ResultCode:
    """That of the outcome, unless a fault of the request shows it otherwise."""
    fault = ask.request.cause.fault
    match fault.fault if fault else None:
        case MpesaFault.UNKNOWN_CODE:
            return UNKNOWN
        case MpesaFault.RESULT_CODE_AS_TEXT:
            return replace(outcome.code, code=str(outcome.code.code))
        case _:
            return outcome.code


def write_pair(key: str, value: object) -> Json:
    return {"Key": key} if value is None else {"Key": key, "Value": value}


def reference_item(ask: Ask) -> Json:
    """Daraja's own address for timeouts, whatever the client's is; of a status the occasion, which has no value."""
    if ask.role is Role.STATUS:
        return {"Key": "Occasion"}
    return {"Key": "QueueTimeoutURL", "Value": TIMEOUT_URL.format(IN_TIMEOUT_URL[ask.role])}
