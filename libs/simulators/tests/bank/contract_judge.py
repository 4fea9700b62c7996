"""Holds what the simulated bank answers and tells against its contract, the OpenAPI document that it serves."""

import json
import re
from collections import Counter
from functools import cache

import httpx
import jsonschema_rs

from malipo_simulators.bank import spec
from malipo_simulators.bank.faults import BankFault
from malipo_simulators.kit.faults.rules import Fault
from malipo_simulators.kit.request_log import LogFilter

API = ("/v1/", "/oauth2/")
# Faults whose very point is an answer that is wrong.
SPOILT = (Fault.MALFORMED_JSON, BankFault.UNKNOWN_STATUS)


class Judge:
    """`judged` counts what was held against the contract, by operation and status, or by type of event."""

    def __init__(self) -> None:
        self.judged: Counter[str] = Counter()

    def response(self, request: httpx.Request, answer: httpx.Response) -> None:
        """Raise AssertionError if it is not as the contract has it."""
        template = next((one for one in paths() if paths()[one].fullmatch(request.url.path)), None)
        if template is None:
            assert answer.status_code == 404, request.url.path
            return
        operations = document()["paths"][template]
        operation = operations.get(request.method.lower()) or next(iter(operations.values()))
        what = f"{operation['operationId']} {answer.status_code}"
        self.judged[what] += 1
        documented = operation["responses"].get(str(answer.status_code))
        assert documented is not None, f"{what} is not documented"
        self._hold(resolved(documented), answer, what)

    def _hold(self, documented: dict, answer: httpx.Response, what: str) -> None:
        media_type = answer.headers["content-type"].partition(";")[0]
        assert media_type in documented["content"], f"{what} is {media_type}"
        for name, header in documented.get("headers", {}).items():
            assert name in answer.headers or not header.get("required"), f"{what} has no {name}"
        if media_type != "text/html":
            hold(answer.json(), documented["content"][media_type]["schema"], what)

    def event(self, kind: str, resource: dict) -> None:
        """What a follower was told."""
        self.judged[kind] += 1
        assert kind in document()["components"]["schemas"]["Event"]["properties"]["type"]["enum"]
        hold(resource, {"$ref": "#/components/schemas/Payment"}, kind)


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
            self._judge.response(request, answer)
        return answer

    def _fault_of(self, answer: httpx.Response) -> object:
        request_id = answer.headers.get("x-request-id")
        logged = self._world.requests.latest(20, LogFilter())
        return next((one["fault"] for one in logged if one["request_id"] == request_id), None)


def hold(value: object, schema: dict, what: str) -> None:
    wrong = [f"{one.instance_path}: {one.message[:300]}" for one in validator(json.dumps(schema)).iter_errors(value)]
    assert wrong == [], f"{what} is not as the contract has it: {wrong}"


@cache
def validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    whole = json.loads(schema) | {"components": document()["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


@cache
def document() -> dict:
    return json.loads(spec.document())


@cache
def paths() -> dict[str, re.Pattern[str]]:
    return {one: re.compile(re.sub(r"\{\w+\}", "[^/]+", one)) for one in document()["paths"]}


def resolved(response: dict) -> dict:
    name = response.get("$ref")
    return document()["components"]["responses"][name.rpartition("/")[2]] if name else response
