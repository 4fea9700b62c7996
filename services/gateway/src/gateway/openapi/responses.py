"""What routes answer, as the description shows it: a schema and an example of each."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway.openapi import examples

type Schema = dict[str, Any]
"""A JSON schema, as OpenAPI 3.1 has them."""

REF = "#/components/schemas/"


class DocumentedResponse(NamedTuple):
    """A schema and an example of it; `components` are schemas that it names and that only its room knows."""

    schema: Schema
    example: object
    components: Mapping[str, Schema] = {}


def ref(name: str) -> Schema:
    """The schema with this name."""
    return {"$ref": REF + name}


def _page_of(entry: Schema, example: object) -> DocumentedResponse:
    schema: Schema = {
        "type": "object",
        "required": ["data", "has_more", "next_cursor"],
        "properties": {
            "data": {"type": "array", "items": entry},
            "has_more": {"type": "boolean"},
            "next_cursor": {"type": ["string", "null"], "description": "Give it as `cursor` to get the next page."},
        },
    }
    return DocumentedResponse(schema, {"data": [example], "has_more": False, "next_cursor": None})


PAYMENT = DocumentedResponse(ref("PaymentView"), examples.PAYMENT)
PAYMENT_SETTLED = DocumentedResponse(
    {
        "allOf": [
            ref("PaymentView"),
            {"properties": {"settled": {"type": "array", "items": ref("Settled")}}},
        ]
    },
    examples.PAYMENT | {"settled": [{"currency": "USD", "amount": 1250, "fee": 66, "net": 1184}]},
)
PAYMENT_UNDER_WAY = DocumentedResponse(ref("PaymentView"), examples.PAYMENT_UNDER_WAY)
PAYMENTS = _page_of(ref("PaymentView"), examples.PAYMENT)
PAYMENT_METHOD = DocumentedResponse(ref("PaymentMethodView"), examples.PAYMENT_METHOD)
PAYMENT_METHOD_DETACHING = DocumentedResponse(
    ref("PaymentMethodView"), examples.PAYMENT_METHOD | {"status": "detaching"}
)
PAYMENT_METHOD_READ = DocumentedResponse(
    {"allOf": [ref("PaymentMethodView"), {"properties": {"declined_by": {"type": "string"}}}]}, examples.PAYMENT_METHOD
)
PAYMENT_METHOD_PENDING = DocumentedResponse(ref("PaymentMethodView"), examples.PAYMENT_METHOD_PENDING)
PAYMENT_METHODS = _page_of(ref("PaymentMethodView"), examples.PAYMENT_METHOD)
OPERATION = DocumentedResponse(ref("OperationView"), examples.REFUND)
OPERATION_UNDER_WAY = DocumentedResponse(ref("OperationView"), examples.REFUND_UNDER_WAY)
DISPUTES = _page_of(ref("OperationView"), examples.DISPUTE)
REFUNDS = _page_of(ref("OperationView"), examples.REFUND)
CREDENTIAL = DocumentedResponse(ref("ProviderCredential"), examples.CREDENTIAL)
CREDENTIALS = _page_of(ref("ProviderCredential"), examples.CREDENTIAL)
PROVIDERS = _page_of(ref("Provider"), examples.PROVIDER)
SERIES = DocumentedResponse(ref("Series"), examples.SERIES)
SETTINGS = DocumentedResponse(ref("Settings"), examples.SETTINGS)
ENDPOINT = DocumentedResponse(ref("WebhookEndpoint"), examples.ENDPOINT)
ENDPOINTS = _page_of(ref("WebhookEndpoint"), examples.ENDPOINT)
ENDPOINT_WITH_SECRET = DocumentedResponse(
    {"allOf": [ref("WebhookEndpoint"), {"properties": {"secret": {"type": "string"}}, "required": ["secret"]}]},
    examples.ENDPOINT | {"secret": "whsec_..."},
)
ERASURE = DocumentedResponse(ref("Erasure"), {"erased": 3, "waiting": 1})
EVENTS = _page_of(ref("Event"), examples.EVENT)
