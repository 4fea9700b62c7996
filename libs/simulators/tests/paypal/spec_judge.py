"""Holds what the simulated PayPal answers and sends against PayPal's own OpenAPI documents."""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

import httpx
import jsonschema_rs

from malipo_simulators.kit.faults.rules import Fault
from malipo_simulators.kit.request_log import LogFilter
from malipo_simulators.paypal.faults import PaypalFault

FOLDER = Path(__file__).with_name("openapi")
API = ("/v1/", "/v2/")
# What the documents do not have, and PayPal's own samples or answers do.
MORE_PROPERTIES = {
    ("notifications_webhooks_v1", "event"): ("status", "transmissions"),
    ("notifications_webhooks_v1", "link_description"): ("encType",),
    ("customer_disputes_v1", "transaction_info"): ("seller_protection_eligible",),
}
# Issues and a name that PayPal's pages or answers have, but not its documents; and statuses that these do not tell of.
OTHER_ISSUES = {
    ("orders.capture", "ACTION_DOES_NOT_MATCH_INTENT"),
    ("authorizations.reauthorize", "REAUTHORIZATION_TOO_SOON"),
}
OTHER_NAMES = ("RESULTSET_TOO_LARGE",)
OTHER_STATUSES = ("405", "413", "429")
# Such errors are judged by the shape that all have.
COMMON_ERROR = {
    "type": "object",
    "required": ["name", "message", "debug_id", "links"],
    "properties": {name: {"type": "string"} for name in ("name", "message", "debug_id")},
}
# By resource type of a notification: the document and the schema of what it tells of.
RESOURCES = {
    "checkout-order": ("checkout_orders_v2", "order"),
    "authorization": ("payments_payment_v2", "authorization-2"),
    "capture": ("payments_payment_v2", "capture-2"),
    "refund": ("payments_payment_v2", "refund"),
    "dispute": ("customer_disputes_v1", "dispute"),
}
# This one tells of an order that is there no more, in a shape that no document has.
WITHOUT_SCHEMA = ("CHECKOUT.PAYMENT-APPROVAL.REVERSED",)
# Faults whose very point is an answer that is wrong.
SPOILT = (
    Fault.HTML_ERROR,
    Fault.MALFORMED_JSON,
    PaypalFault.UNKNOWN_ISSUE,
    PaypalFault.UNKNOWN_ISSUE_AFTER_EFFECT,
    PaypalFault.UNKNOWN_STATUS,
)


class Judge:
    """`judged` counts what was held against a schema, by operation and status, or by type of event."""

    def __init__(self) -> None:
        self.judged: Counter[str] = Counter()

    def response(self, method: str, path: str, answer: httpx.Response) -> None:
        """Raise AssertionError if it is not as documented."""
        found = next((one for one in operations() if one[1] == method and one[2].fullmatch(path)), None)
        if found is None:
            assert answer.status_code in (404, 405) or path == "/v1/oauth2/token" or "/certs/" in path, path
            return
        name, _, _, document, responses = found
        status = str(answer.status_code)
        self.judged[f"{name} {status}"] += 1
        if status in responses and responses[status] is None:
            assert answer.content == b"", f"{name} {status} has a body"
            return
        schema = self._schema(name, status, responses, answer)
        assert schema is not None, f"{name} answers {status}, which is not documented"
        hold(answer.json(), document, json.dumps(schema), f"{name} {status}")

    def _schema(self, name: str, status: str, responses: dict, answer: httpx.Response) -> dict | None:
        """What a PayPal-Request-Id has answered again is a 200, of payments, too, whose documents have the 201 alone."""
        if status in OTHER_STATUSES or is_undocumented(name, answer):
            return COMMON_ERROR
        if status == "200":
            return responses.get(status) or responses.get("201")
        return responses.get(status, responses["default"] if status[0] in "45" else None)

    def notification(self, body: bytes) -> None:
        """Raise AssertionError if it, or what it tells of, is not as documented."""
        event = json.loads(body)
        self.judged[event["event_type"]] += 1
        hold(event, "notifications_webhooks_v1", closed("event"), event["event_type"])
        if event["event_type"] not in WITHOUT_SCHEMA:
            document, schema = RESOURCES[event["resource_type"]]
            hold(event["resource"], document, closed(schema), event["event_type"])


class JudgedTransport(httpx.AsyncBaseTransport):
    """Passes requests on to the simulator, and judges each answer of its API that no fault has spoilt on purpose."""

    def __init__(self, inner: httpx.AsyncBaseTransport, judge: Judge, world) -> None:
        self._inner = inner
        self._judge = judge
        self._world = world

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        await answer.aread()
        if request.url.path.startswith(API) and self._fault_of(answer) not in SPOILT:
            self._judge.response(request.method, request.url.path, answer)
        return answer

    def _fault_of(self, answer: httpx.Response) -> object:
        debug_id = answer.headers.get("paypal-debug-id")
        logged = self._world.requests.latest(20, LogFilter())
        return next((one["fault"] for one in logged if one["request_id"] == debug_id), None)


def is_undocumented(operation: str, answer: httpx.Response) -> bool:
    """Whether it is an error that is known, but not from the documents."""
    body = answer.json() if answer.status_code >= 400 else {}
    issues = [one["issue"] for one in body.get("details", [])]
    return body.get("name") in OTHER_NAMES or any((operation, issue) in OTHER_ISSUES for issue in issues)


def hold(value: object, document: str, schema: str, what: str) -> None:
    wrong = [f"{one.instance_path}: {one.message[:300]}" for one in validator(document, schema).iter_errors(value)]
    assert wrong == [], f"{what} is not as PayPal documents it: {wrong}"


def closed(name: str) -> str:
    return json.dumps({"$ref": f"#/schemas/{name}", "unevaluatedProperties": False})


@cache
def validator(document: str, schema: str) -> jsonschema_rs.Draft202012Validator:
    whole = json.loads(schema) | {"schemas": read(document)["schemas"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


@cache
def read(document: str) -> dict:
    data = json.loads((FOLDER / f"{document}.json").read_text("utf-8"))
    for (where, name), more in MORE_PROPERTIES.items():
        if where == document:
            data["schemas"][name]["properties"] |= {property_name: {} for property_name in more}
    if "search_response" in data["schemas"]:
        # A range without transactions is answered with an empty list, whatever the document says.
        del data["schemas"]["search_response"]["properties"]["transaction_details"]["minItems"]
    return data


@cache
def operations() -> list[tuple[str, str, re.Pattern[str], str, dict]]:
    """Name, method, path, document and responses of each."""
    return [
        (name, one["method"], re.compile(re.sub(r"\{\w+\}", "[^/]+", one["path"]) + "/?"), file.stem, one["responses"])
        for file in sorted(FOLDER.glob("*.json"))
        for name, one in read(file.stem)["operations"].items()
    ]
