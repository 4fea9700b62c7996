"""The body of an STK callback, to the letter of the portal's samples."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.endings import RESULTS, Ending
from malipo_simulators.mpesa.faults import MpesaFault
from malipo_simulators.mpesa.money import as_number, encode_money
from malipo_simulators.mpesa.state.prompts import Prompt
from malipo_simulators.mpesa.times import stamp


def callback_body(prompt: Prompt, ending: Ending, receipt: str | None, now: int) -> bytes:
    """Of a failure without CallbackMetadata. `receipt` is that of a success."""
    fault = prompt.cause.fault.fault if prompt.cause.fault else None
    code = RESULTS[ending].code
    told: Json = {
        "MerchantRequestID": prompt.merchant_request_id,
        "CheckoutRequestID": prompt.checkout_request_id,
        "ResultCode": str(code) if fault == MpesaFault.RESULT_CODE_AS_TEXT else code,
        "ResultDesc": RESULTS[ending].text,
    }
    if receipt is not None:
        amount = prompt.push.amount + (1 if fault == MpesaFault.AMOUNT_MISMATCH else 0)
        told["CallbackMetadata"] = {"Item": items(prompt, amount, receipt, now)}
    return encode_money({"Body": {"stkCallback": told}})


def items(prompt: Prompt, amount: int, receipt: str, now: int) -> list[Json]:
    """`Balance` has no Value, as it comes in practice."""
    return [
        {"Name": "Amount", "Value": as_number(amount)},
        {"Name": "MpesaReceiptNumber", "Value": receipt},
        {"Name": "Balance"},
        {"Name": "TransactionDate", "Value": int(stamp(now))},
        {"Name": "PhoneNumber", "Value": int(prompt.push.payer)},
    ]
