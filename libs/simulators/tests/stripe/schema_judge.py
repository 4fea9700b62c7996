"""Holds what the simulated Stripe answers and sends against the shapes of Stripe's own objects."""

import json
from collections import Counter
from functools import cache
from pathlib import Path

import httpx
import jsonschema_rs

from malipo_simulators.kit.faults.rules import Fault
from malipo_simulators.kit.request_log import LogFilter
from malipo_simulators.stripe.faults import StripeFault

FOLDER = Path(__file__).with_name("schemas")
DELETED = {"id", "object", "deleted"}
PAGES = {
    "list": {"object", "data", "has_more", "url"},
    "search_result": {"object", "data", "has_more", "next_page", "url"},
}
# Faults whose very point is an answer that is wrong.
SPOILT = (Fault.HTML_ERROR, Fault.MALFORMED_JSON, StripeFault.UNKNOWN_STATUS)
# Its shape depends on Connect, and is not simulated: an id and a few facts.
NOT_JUDGED = ("account",)


class Judge:
    """`judged` counts what was held against a schema, by the name of the object, or by type of event."""

    def __init__(self) -> None:
        self.judged: Counter[str] = Counter()

    def response(self, body: dict) -> None:
        """Raise AssertionError if it is not as Stripe's."""
        if "error" in body:
            self.hold("error", body["error"])
        elif body["object"] in PAGES:
            assert body.keys() == PAGES[body["object"]], body.keys()
            for one in body["data"]:
                self.response(one)
        elif body.get("deleted"):
            assert body.keys() == DELETED, body
        elif body["object"] == "event":
            self.event(body)
        elif body["object"] not in NOT_JUDGED:
            self.hold(body["object"], body)

    def event(self, event: dict) -> None:
        """Also what it tells of, and that only properties have changed which there are."""
        self.judged[event["type"]] += 1
        self.hold("event", event)
        about = event["data"]["object"]
        self.hold(about["object"], about)
        changed = event["data"].get("previous_attributes", {})
        assert changed.keys() <= schema_of(about["object"])["properties"].keys(), changed

    def hold(self, kind: str, value: dict) -> None:
        self.judged[kind] += 1
        wrong = [f"{one.instance_path}: {one.message[:300]}" for one in validator(kind).iter_errors(value)]
        assert wrong == [], f"{kind} is not as Stripe's: {wrong}"


class JudgedTransport(httpx.AsyncBaseTransport):
    """Passes requests on to the simulator, and judges each answer of its API that no fault has spoilt on purpose."""

    def __init__(self, inner: httpx.AsyncBaseTransport, judge: Judge, world) -> None:
        self._inner = inner
        self._judge = judge
        self._world = world

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        await answer.aread()
        if request.url.path.startswith("/v1/") and self._fault_of(answer) not in SPOILT:
            self._judge.response(answer.json())
        return answer

    def _fault_of(self, answer: httpx.Response) -> object:
        request_id = answer.headers.get("request-id")
        logged = self._world.requests.latest(20, LogFilter())
        return next((one["fault"] for one in logged if one["request_id"] == request_id), None)


@cache
def schema_of(kind: str) -> dict:
    return json.loads((FOLDER / f"{kind}.json").read_text("utf-8"))


@cache
def validator(kind: str) -> jsonschema_rs.Draft202012Validator:
    every = {file.stem: schema_of(file.stem) for file in FOLDER.glob("*.json")}
    return jsonschema_rs.Draft202012Validator(every[kind] | {"$defs": every})
