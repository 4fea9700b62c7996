"""The API's description is whole, true, and shown without help from elsewhere."""

import re

import pytest

from gateway.problems import PROBLEMS
from malipo.contracts.events import PaymentView

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


def test_every_problem_tells_what_to_do_next():
    for code, kind in PROBLEMS.items():
        assert re.fullmatch(r"[a-z_]+", code)
        assert kind.advice.endswith((".", "...")), code
        assert 400 <= kind.status < 600
        assert kind.retry.safe == (kind.retry.after_seconds is not None), code


async def test_every_route_is_described_with_an_example_of_each_answer(document):
    described = operations(document)
    assert len(described) == 18
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
    assert set(PROBLEMS) - listed == {"route_unknown", "method_not_allowed", "command_refused"}


async def test_routes_that_change_something_take_an_idempotency_key(document):
    for method, path, operation in operations(document):
        headers = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "header"}
        assert ("Idempotency-Key" in headers) == (method != "get"), path
        assert ("Prefer" in headers) == (method == "post" and "webhook" not in path), path


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
