"""The operations of M-Pesa Express: what the push and its query accept, refuse and answer."""

import re

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.errors import invalid, refused
from malipo_simulators.mpesa.http.request import MpesaRequest
from malipo_simulators.mpesa.state.prompts import Push
from malipo_simulators.mpesa.state.shortcodes import TRANSACTION_TYPES
from malipo_simulators.mpesa.stk import lifecycle
from malipo_simulators.mpesa.stk.password import read_merchant

ACCEPTED = "Success. Request accepted for processing"
REFERENCE = re.compile(r"[A-Za-z0-9]{1,12}")
LONGEST_DESCRIPTION = 13


def push(request: MpesaRequest) -> Json:
    """POST /mpesa/stkpush/v1/processrequest: accepted, not paid. There is no idempotency: each one is a prompt."""
    prompt = lifecycle.show(request.world, read_push(request), request.cause)
    return {
        "MerchantRequestID": prompt.merchant_request_id,
        "CheckoutRequestID": prompt.checkout_request_id,
        "ResponseCode": "0",
        "ResponseDescription": ACCEPTED,
        "CustomerMessage": ACCEPTED,
    }


def read_push(request: MpesaRequest) -> Push:
    """Every field is looked at before the merchant's password is."""
    fields = request.fields
    wanted = Push(
        shortcode=fields.shortcode("BusinessShortCode"),
        transaction_type=fields.choice("TransactionType", TRANSACTION_TYPES),
        amount=fields.amount(),
        payer=fields.phone("PartyA"),
        credited=fields.shortcode("PartyB"),
        phone=fields.phone("PhoneNumber"),
        callback_url=request.url("CallBackURL"),
        reference=fields.text("AccountReference", shape=REFERENCE),
        description=fields.optional("TransactionDesc", longest=LONGEST_DESCRIPTION),
    )
    read_merchant(request)
    return wanted


def query(request: MpesaRequest) -> Json:
    """POST /mpesa/stkpushquery/v1/query: how the prompt ended, its code as text; neither amount nor receipt."""
    checkout = request.fields.text("CheckoutRequestID")
    merchant = read_merchant(request)
    prompt = request.world.prompts.find(checkout)
    if prompt is None or prompt.push.shortcode != merchant.code:
        raise invalid("CheckoutRequestID")
    if prompt.ending is None:
        raise refused("The transaction is being processed")
    return {
        "ResponseCode": "0",
        "ResponseDescription": "The service request has been accepted successfully",
        "MerchantRequestID": prompt.merchant_request_id,
        "CheckoutRequestID": prompt.checkout_request_id,
        "ResultCode": str(prompt.result.code),
        "ResultDesc": prompt.result.text,
    }
