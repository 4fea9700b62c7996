"""The API's description is whole, true, and shown without help from elsewhere."""

import asyncio
import base64
import hmac
import json
import re
import time
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import pytest

from gateway.edge.problems import PROBLEMS
from gateway.openapi.description import DESCRIPTION
from gateway.operations.schemas import CANCEL_REFUSALS, CAPTURE_REFUSALS, REFUND_REFUSALS, RETURN_REFUSALS
from http_limits.connection import CODES, RETRY_SECONDS, Refused
from malipo import clock
from malipo.contracts.events import REFUSAL_CODES, PaymentView

METHODS = {"get", "put", "post", "delete"}


@pytest.fixture
async def document(gateway) -> dict:
    return (await gateway.client.get("/openapi.json")).json()


def operations(document: dict) -> list[tuple[str, str, dict]]:
    return [
        (method, path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
        if method in METHODS
    ]


def test_every_problem_says_what_to_do_next():
    for code, kind in PROBLEMS.items():
        assert re.fullmatch(r"[a-z_]+", code)
        assert kind.advice.endswith((".", "...")), code
        assert 400 <= kind.status < 600
        assert kind.retry.safe == (kind.retry.after_seconds is not None), code


async def test_every_route_is_described_with_an_example_of_each_answer(document):
    described = operations(document)
    assert len(described) == 45
    for method, path, operation in described:
        assert operation["summary"]
        assert operation["description"]
        assert operation["security"] == [{"ApiKey": []}], path
        for status, answer in operation["responses"].items():
            if status == "204":
                continue
            (content,) = answer["content"].values()
            assert content.get("example") or content["examples"], (method, path, status)


async def test_every_route_lists_its_problems_and_every_problem_has_a_route(document):
    listed: set[str] = set()
    for _, path, operation in operations(document):
        found = {
            code
            for answer in operation["responses"].values()
            for code in answer.get("content", {}).get("application/problem+json", {}).get("examples", {})
        }
        assert {"api_key_invalid", "scope_missing", "rate_limited", "internal_error"} <= found, path
        listed |= found
    in_front = {"service_unreachable", "answer_too_late"}
    assert set(PROBLEMS) - listed == {
        "route_unknown",
        "method_not_allowed",
        "command_refused",
        *in_front,
        *CODES.values(),
    }


def test_what_is_answered_beneath_the_application_is_among_the_problems_with_the_same_status_and_retry():
    answered = {code: (status, RETRY_SECONDS.get(status)) for status, code in CODES.items()}
    assert answered == {code: (PROBLEMS[code].status, PROBLEMS[code].retry.after_seconds) for code in answered}


async def test_what_is_answered_beneath_the_application_is_told_and_has_the_shape_of_a_problem(document):
    shape = {**document["components"]["schemas"]["Problem"], "components": document["components"]}
    for status, code in CODES.items():
        answered = json.loads(Refused(status, "too much").answer().partition(b"\r\n\r\n")[2])
        assert [error.message for error in jsonschema_rs.Draft202012Validator(shape).iter_errors(answered)] == []
        assert answered["type"] == f"urn:malipo:problem:{code}"
        assert f"`{code}`" in document["info"]["description"]


async def test_every_part_of_a_problem_that_is_always_there_is_described_as_that(document, merchant):
    shape = document["components"]["schemas"]["Problem"]
    problem = (await merchant.pay({})).json()
    assert set(problem) - set(shape["required"]) == {"instance"}
    assert set(problem["retry"]) == set(shape["properties"]["retry"]["required"])
    assert set(problem["errors"][0]) == set(shape["properties"]["errors"]["items"]["required"])


async def test_whoever_is_too_fast_finds_each_header_that_says_how_fast_in_the_description(document, replica):
    merchant = await (await replica(rate_limit_per_second=1, rate_limit_burst=1)).merchant(configured=False)
    answers = await asyncio.gather(*(merchant.get("/v1/payments") for _ in range(20)))
    refused = next(answer for answer in answers if answer.status_code == 429)
    told = {"x-request-id", "retry-after", *(name for name in refused.headers if name.startswith("ratelimit-"))}
    assert len(told) == 5
    for _, path, operation in operations(document):
        assert told == {name.lower() for name in operation["responses"]["429"]["headers"]}, path


async def test_routes_that_change_something_take_an_idempotency_key(document):
    for method, path, operation in operations(document):
        headers = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "header"}
        assert ("Idempotency-Key" in headers) == (method != "get"), path
        assert ("Prefer" in headers) == (method == "post" and not path.endswith(("/webhook-endpoints", "/erase"))), path


async def test_a_generated_client_learns_where_a_key_must_be_sent(document):
    for method, path, operation in operations(document):
        for parameter in operation.get("parameters", []):
            if parameter["name"] == "Idempotency-Key":
                assert parameter["required"] == (method == "post"), path
                assert "7 days" in parameter["description"]
        missing = "idempotency_key_missing" in str(operation["responses"]["400"])
        assert missing == (method == "post"), path
    assert "x-key-required" not in str(document)


async def test_a_generated_client_learns_the_range_of_amounts(document):
    schemas = document["components"]["schemas"]
    whole = {"type": "integer", "minimum": 1, "maximum": 99_999_999_999}
    assert schemas["NewPayment"]["properties"]["amount"].items() >= whole.items()
    for body in ("NewCapture", "NewRefund"):
        assert whole in schemas[body]["properties"]["amount"]["anyOf"]
        assert schemas[body]["example"]
    assert not re.search(r"'[gl]e':", str(schemas))


async def test_what_is_accepted_is_shown_as_still_under_way(document):
    for method, path, operation in operations(document):
        if "202" in operation["responses"]:
            (content,) = operation["responses"]["202"]["content"].values()
            shown = content["example"]
            under_way = ("processing", "pending", "detaching")
            assert shown["waiting"] if path.endswith("/erase") else shown["status"] in under_way, (method, path)


async def test_webhooks_are_described_with_their_body(document):
    webhook = document["webhooks"]["event"]["post"]
    assert webhook["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Event"}
    for text in ("webhook-id", "webhook-timestamp", "webhook-signature", "whsec_", "2xx", "sequence", "three days"):
        assert text in document["info"]["description"]


def test_the_check_of_a_signature_that_we_show_works():
    names: dict[str, Any] = {"Mapping": Mapping, "base64": base64, "hmac": hmac, "time": time}
    exec(re.search(r"```python\n(.+?)```", DESCRIPTION, re.DOTALL)[1], names)
    key, body, now = b"k" * 32, b'{"type":"payment.completed"}', int(clock.now().timestamp())
    secret = "whsec_" + base64.b64encode(key).decode()

    def headers(at: int) -> dict[str, str]:
        digest = hmac.digest(key, f"evt_1.{at}.".encode() + body, "sha256")
        signature = "v1,AAAA v1," + base64.b64encode(digest).decode()
        return {"webhook-id": "evt_1", "webhook-timestamp": str(at), "webhook-signature": signature}

    assert names["is_ours"](secret, headers(now), body)
    assert not names["is_ours"](secret, headers(now), body + b" ")
    assert not names["is_ours"](secret, headers(now - 3600), body)


def test_every_refusal_of_a_command_is_a_problem_and_described():
    assert set(REFUSAL_CODES) <= set(PROBLEMS)
    of_operations = {*CAPTURE_REFUSALS, *CANCEL_REFUSALS, *REFUND_REFUSALS, *RETURN_REFUSALS}
    assert of_operations | {"payment_method_detached"} == set(REFUSAL_CODES)
    assert "provider_unsupported" not in PROBLEMS


async def test_nothing_refers_to_what_is_not_there(document):
    schemas = document["components"]["schemas"]
    referred = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert referred <= set(schemas)
    assert set(schemas["PaymentView"]["properties"]) == set(PaymentView.__struct_fields__)


async def test_examples_have_the_shape_of_the_answers(document, merchant):
    shown = (await merchant.pay()).json()
    example = document["paths"]["/v1/payments"]["post"]["responses"]["201"]["content"]["application/json"]["example"]
    assert example.keys() == shown.keys()


async def test_the_page_loads_nothing_from_elsewhere(gateway):
    page = await gateway.client.get("/docs")
    assert page.status_code == 200
    assert "http" not in re.sub(r"http-equiv", "", page.text)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for path in re.findall(r'(?:src|data-url)="([^"]+)"', page.text):
        assert (await gateway.client.get(path)).status_code == 200
