"""The body of an STK callback, to the letter of the portal's samples."""

from malipo_simulators.kit.api.answers import encode
from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.endings import RESULTS, Ending
from malipo_simulators.mpesa.faults import MpesaFault
from malipo_simulators.mpesa.state.prompts import Prompt
from malipo_simulators.mpesa.times import stamp

# json has no way to write 1.00, as the samples have it: the amount is put in afterwards.
AMOUNT = "put in afterwards"


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
        told["CallbackMetadata"] = {"Item": items(prompt, receipt, now)}
    amount = prompt.push.amount + (1 if fault == MpesaFault.AMOUNT_MISMATCH else 0)
    written = encode({"Body": {"stkCallback": told}})
    return written.replace(f'"{AMOUNT}"'.encode(), f"{amount}.00".encode())


def items(prompt: Prompt, receipt: str, now: int) -> list[Json]:
    """`Balance` has no Value, as it comes in practice."""
    return [
        {"Name": "Amount", "Value": AMOUNT},
        {"Name": "MpesaReceiptNumber", "Value": receipt},
        {"Name": "Balance"},
        {"Name": "TransactionDate", "Value": int(stamp(now))},
        {"Name": "PhoneNumber", "Value": int(prompt.push.payer)},
    ]
