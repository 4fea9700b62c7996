"""Around every request: its id, its span, its log line, its time limit, and a problem for whatever goes wrong."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AbstractContextManager, suppress
from typing import Any

import msgspec
import structlog
from opentelemetry import trace
from opentelemetry.trace import StatusCode
from prometheus_client import Histogram
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.edge.problems import Problem
from malipo import clock, ids
from malipo.messaging.pool import AWAY
from malipo.platform.logs import log
from malipo.platform.tracing import tracer
from redaction.text import clean

REQUEST_SECONDS = 25
"""Longer than any wait that a request may ask for, shorter than load balancers wait."""

SECONDS = Histogram(
    "malipo_http_request_duration_seconds",
    "Time from a request to its answer, the wait for a payment's first state included.",
    ("method", "route", "status"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, REQUEST_SECONDS),
)


def request_id(request: Request) -> str:
    """The id of this request, as its answer's `X-Request-Id` shows it."""
    return request.scope["state"]["request_id"]


def response_headers(request: Request) -> dict[str, str]:
    """Headers that this request's answer will carry, whatever it is."""
    return request.scope["state"]["answer_headers"]


def before_answer(request: Request, act: Callable[[], Awaitable[None]]) -> None:
    """Have this done before any answer to the request begins; what it raises is what is answered."""
    request.scope["state"]["before_answer"] = act


def about(**names: str | None) -> None:
    """Put what is known of the request, e.g. `payment_id`, on its span and on the log lines that follow."""
    known = {name: value for name, value in names.items() if value is not None}
    structlog.contextvars.bind_contextvars(**known)
    trace.get_current_span().set_attributes({name: clean(name, value) for name, value in known.items()})


def problem_response(request: Request, problem: Problem) -> Response:
    """The problem as `application/problem+json`."""
    about(problem=problem.code)
    body = msgspec.json.encode(problem.body(request_id(request)))
    return Response(body, problem.kind.status, problem.headers(), media_type="application/problem+json")


class RequestMiddleware:
    """The outermost layer of the application. HEAD is answered as GET is, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        is_head, scope = scope["method"] == "HEAD", dict(scope)
        if is_head:
            scope["method"] = "GET"
        new_id = ids.new("req")
        scope["state"] = {**scope.get("state", {}), "request_id": new_id, "answer_headers": {"X-Request-Id": new_id}}
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=new_id)
        with _span(scope):
            await _Exchange(scope, receive, _without_body(send) if is_head else send).run(self._app)


def _span(scope: Scope) -> AbstractContextManager[object]:
    """Without the text of an error, which may quote a secret."""
    return tracer.start_as_current_span(
        f"HTTP {scope['method']}",
        kind=trace.SpanKind.SERVER,
        record_exception=False,
        set_status_on_exception=False,
    )


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._request = Request(scope, receive)
        self._send = send
        self._status: int | None = None

    async def run(self, app: ASGIApp) -> None:
        started = clock.monotonic()
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await app(self._request.scope, self._request.receive, self._stamp)
        except ClientDisconnect:
            log.info("client went away")
            await self._prepare_anyway()
        except Exception as error:
            if self._status is not None:  # the response has begun: it can only be broken off
                raise
            await self._prepare_anyway()
            await self._answer(_problem_of(error))
        finally:
            self._report(clock.monotonic() - started)

    async def _prepare(self) -> None:
        if act := self._request.scope["state"].pop("before_answer", None):
            await act()

    async def _prepare_anyway(self) -> None:
        """For a request that has come to nothing."""
        try:
            await self._prepare()
        except Exception as error:  # noqa: BLE001 - that it has failed is to be answered whatever else fails
            log.warning("not prepared to answer", error=repr(error))

    async def _answer(self, problem: Problem) -> None:
        answer = problem_response(self._request, problem)
        with suppress(OSError):  # the client has gone
            await answer(self._request.scope, self._request.receive, self._stamp)

    async def _stamp(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._prepare()
            self._status = message["status"]
            MutableHeaders(scope=message).update(response_headers(self._request))
        await self._send(message)

    def _report(self, seconds: float) -> None:
        scope: MutableMapping[str, Any] = self._request.scope
        route = getattr(scope.get("route"), "path", "unknown")
        SECONDS.labels(scope["method"], route, str(self._status)).observe(seconds)
        span = trace.get_current_span()
        span.update_name(f"{scope['method']} {route}")
        span.set_attributes(
            {
                "http.request.method": scope["method"],
                "http.route": route,
                "http.response.status_code": self._status or 0,
            }
        )
        if self._status is None or self._status >= 500:
            span.set_status(StatusCode.ERROR)
        duration_ms = round(seconds * 1000)
        log.info("request", method=scope["method"], route=route, status=self._status, duration_ms=duration_ms)


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, AWAY):
        log.warning("database away", error=repr(error))
        return Problem("database_unavailable")
    log.error("request failed", exc_info=error)
    return Problem("internal_error")
