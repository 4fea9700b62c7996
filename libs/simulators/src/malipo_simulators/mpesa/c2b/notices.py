"""What is posted about a payment by hand: the same body to validate it before, and to confirm it after."""

import hashlib

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.c2b.payment import ByHand
from malipo_simulators.mpesa.money import as_text
from malipo_simulators.mpesa.state.registrations import C2bUrls
from malipo_simulators.mpesa.times import stamp

HASHED = 1
"""The version that names the customer in full, and the phone by its SHA-256."""


def write_notice(
    paid: ByHand, urls: C2bUrls, receipt: str, at: int, *, balance: str = "", third_party_id: str = ""
) -> Json:
    """`balance` is empty while nothing has moved. Version 2 tells of the customer the first name alone."""
    names, in_full = paid.names, urls.version == HASHED
    return {
        "TransactionType": "Buy Goods" if paid.to_till else "Pay Bill",
        "TransID": receipt,
        "TransTime": stamp(at),
        "TransAmount": as_text(paid.amount),
        "BusinessShortCode": paid.shortcode,
        "BillRefNumber": paid.reference,
        "InvoiceNumber": "",
        "OrgAccountBalance": balance,
        "ThirdPartyTransID": third_party_id,
        "MSISDN": hashed(paid.phone) if in_full else masked(paid.phone),
        "FirstName": names.first,
        "MiddleName": names.middle if in_full else "",
        "LastName": names.last if in_full else "",
    }


def masked(phone: str) -> str:
    return f"{phone[:4]} ***** {phone[-3:]}"


def hashed(phone: str) -> str:
    return hashlib.sha256(phone.encode()).hexdigest()
