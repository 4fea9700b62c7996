"""Puts the simulated API of Acme Pay and its control routes into one ASGI app."""

import json
from dataclasses import dataclass
from typing import override

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.requests import Request

from malipo_simulators.acme.world import AcmeWorld
from malipo_simulators.kit.api.answers import Answer, Refusal, encode
from malipo_simulators.kit.api.bodies import read_body
from malipo_simulators.kit.api.dialect import Dialect, Operation
from malipo_simulators.kit.api.endpoint import add_operation
from malipo_simulators.kit.app import create_app
from malipo_simulators.kit.book import BookFilter
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.control.book import show_book
from malipo_simulators.kit.faults.scripted import FAULT_HEADER, Subject
from malipo_simulators.kit.settings import SimulatorSettings
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.webhooks.posting import Poster, WirePoster


@dataclass
class AcmeRequest:
    """A request, with the secret that names its account."""

    cause: Cause
    account: str
    given: Json
    tag: str


class AcmeDialect(Dialect[AcmeRequest]):
    """JSON, a secret, and a key that is remembered for ever."""

    def __init__(self, world: AcmeWorld) -> None:
        self._world = world

    @override
    def new_request_id(self) -> str:
        return self._world.ids.draw("request", 8)

    @override
    async def read(self, incoming: Request, cause: Cause) -> AcmeRequest:
        secret = incoming.headers.get("authorization", "").removeprefix("Bearer ")
        if not secret:
            raise Refusal(Answer(401, b"{}"))
        cause.idempotency_key = incoming.headers.get("idempotency-key")
        body = await read_body(incoming, self._world.settings.max_body_bytes)
        given: Json = json.loads(body) if body else {}
        subject = Subject(cause.method, cause.path, "acme", {}, None)
        cause.fault = self._world.faults.for_request(incoming.headers.get(FAULT_HEADER), lambda: subject)
        return AcmeRequest(cause, secret, given, incoming.path_params.get("tag", ""))

    @override
    def server_error(self) -> Refusal:
        return Refusal(Answer(500, b"{}"))

    @override
    def rate_limited(self, retry_after_seconds: int) -> Refusal:
        return Refusal(Answer(429, b"{}", {"Retry-After": str(retry_after_seconds)}))

    @override
    def begin(self, request: AcmeRequest) -> Answer | None:
        return self._world.answers.get(request.cause.idempotency_key or "")

    @override
    def end(self, request: AcmeRequest, answer: Answer | None) -> None:
        if answer and request.cause.idempotency_key:
            self._world.answers[request.cause.idempotency_key] = answer


def create_acme_app(settings: SimulatorSettings | None = None, poster: Poster | None = None) -> FastAPI:
    """`poster` sends the webhooks; a test may hand in one that is its own receiver."""
    settings = settings or SimulatorSettings()
    world = AcmeWorld(settings, poster or WirePoster(settings.webhook_timeout_seconds))
    app, dialect = create_app("Acme Pay simulator: control routes", world), AcmeDialect(world)

    def pay(request: AcmeRequest) -> Answer:
        kind = request.cause.path.strip("/").removesuffix("s")
        return Answer(200, encode(world.pay(request.account, kind, request.given).as_json()))

    def look(request: AcmeRequest) -> Answer:
        found = world.by_tag.get(request.tag)
        return Answer(200, encode(found.as_json())) if found else Answer(404, b"{}")

    for path in ("/payments", "/refunds"):
        add_operation(app, world, dialect, Operation(("POST",), path, pay))
    add_operation(app, world, dialect, Operation(("GET",), "/tags/{tag}", look))

    @app.get("/_sim/book")
    async def book() -> StreamingResponse:
        return show_book(world.book, BookFilter({}), totals="payments")

    return app
