"""One API request from arrival to response: fault, latency, idempotency, operation, and what the fault does to the response."""

import asyncio
from contextlib import suppress

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from malipo_simulators.kit.api.answers import Answer, Refusal, bad_gateway, cut_short
from malipo_simulators.kit.api.dialect import Dialect, Operation
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.rules import Fault
from malipo_simulators.kit.faults.scripted import AppliedFault
from malipo_simulators.kit.request_log import LoggedRequest
from malipo_simulators.kit.server import hang_up
from malipo_simulators.kit.world import AnyWorld

# webhook_before_answer does not wait for ever: a receiver that is down must not hang the API.
MAX_WAIT_FOR_WEBHOOKS_SECONDS = 10


def add_operation[Q](app: FastAPI, world: AnyWorld, dialect: Dialect[Q], operation: Operation[Q]) -> None:
    """Serve the operation at its path; of two patterns that match, the one added first wins."""
    endpoint = ApiEndpoint(world, dialect, operation)
    app.router.routes.append(Route(operation.path, endpoint, methods=operation.methods))


class HangUp(Exception):
    """Drop the connection without a response."""

    def __init__(self, *, reset: bool) -> None:
        self.reset = reset


class ApiEndpoint[Q]:
    """An ASGI app for one operation. ASGI, not a plain handler, as some faults take the connection away."""

    def __init__(self, world: AnyWorld, dialect: Dialect[Q], operation: Operation[Q]) -> None:
        self._world = world
        self._dialect = dialect
        self._operation = operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = Request(scope, receive)
        cause = Cause(incoming.method, incoming.url.path, request_id=self._dialect.new_request_id())
        try:
            response = await self._respond(incoming, cause)
        except ClientDisconnect:
            return
        except HangUp as dropped:
            await hang_up(scope, receive, reset=dropped.reset)
            return
        await response(scope, receive, send)

    async def _respond(self, incoming: Request, cause: Cause) -> Response:
        try:
            answer = await self._answer(incoming, cause)
        except HangUp:
            self._log(cause, None)
            raise
        except Refusal as refusal:
            answer = refusal.answer
        answer = self._dialect.finish(answer, cause)
        self._log(cause, answer)
        headers = self._dialect.headers(incoming, cause) | answer.headers
        return Response(answer.body, answer.status, headers, answer.content_type)

    async def _answer(self, incoming: Request, cause: Cause) -> Answer:
        request = await self._dialect.read(incoming, cause)
        fault = cause.fault
        match fault.fault if fault else None:
            case Fault.CONNECTION_RESET:
                raise HangUp(reset=True)
            case Fault.RATE_LIMITED:
                raise self._dialect.rate_limited(max(1, round(delay_of(fault))))
            case Fault.HTML_ERROR:
                return bad_gateway()
            case Fault.REQUEST_LATE:
                self._world.timers.later(delay_of(fault), lambda: self._arrive_late(request))
                raise HangUp(reset=True)
            case _:
                return self._spoil(fault, await self._in_time(request, cause))

    async def _in_time(self, request: Q, cause: Cause) -> Answer:
        """As `_once`, as late as the provider is now; one whose answer never comes has had its effect."""
        wait = self._world.latencies.draw()
        if wait.seconds:
            await asyncio.sleep(wait.seconds)
        answer = await self._once(request, cause)
        if wait.silent_seconds:
            await asyncio.sleep(wait.silent_seconds)
            raise HangUp(reset=False)
        return answer

    async def _once(self, request: Q, cause: Cause) -> Answer:
        """Carry it out, or give its earlier response again."""
        earlier = self._dialect.begin(request)
        if earlier is not None:
            return earlier
        kept: Answer | None = None
        try:
            if cause.fault is not None and cause.fault.fault == Fault.SLOW:
                await asyncio.sleep(cause.fault.delay_seconds)
            answer, remembered = self._carry_out(request, cause.fault)
            await let_webhooks_go_first(cause)
            kept = answer if remembered else None
        finally:
            self._dialect.end(request, kept)
        return answer

    def _arrive_late(self, request: Q) -> None:
        """A request that was long on its way arrives: its key decides as ever, and the response goes nowhere."""
        with suppress(Refusal):  # its key was used meanwhile, for another request
            if self._dialect.begin(request) is None:
                answer, remembered = self._carry_out(request, None)
                self._dialect.end(request, answer if remembered else None)

    def _carry_out(self, request: Q, fault: AppliedFault | None) -> tuple[Answer, bool]:
        """The response, and whether an idempotency key remembers it."""
        try:
            return self._perform(request, fault), True
        except Refusal as refusal:
            return refusal.answer, refusal.remembered

    def _perform(self, request: Q, fault: AppliedFault | None) -> Answer:
        """The operation itself, with its 500s: one instead of the effect, one after it, one long before it."""
        match fault.fault if fault else None:
            case Fault.ERROR_BEFORE_EFFECT:
                raise self._dialect.server_error()
            case Fault.ERROR_AFTER_EFFECT:
                self._operation.run(request)
                raise self._dialect.server_error()
            case Fault.ERROR_RECONCILED:
                self._world.timers.later(delay_of(fault), lambda: self._reconcile(request))
                raise self._dialect.server_error()
            case _:
                return self._operation.run(request)

    def _reconcile(self, request: Q) -> None:
        """Carry out what was answered with a 500 long ago, if it still can be; only webhooks report it."""
        with suppress(Refusal):
            self._operation.run(request)

    def _spoil(self, fault: AppliedFault | None, answer: Answer) -> Answer:
        """Faults of the wire: what is stored under the key stays right, only this one response is lost or wrong."""
        if fault is None:
            return answer
        match fault.fault:
            case Fault.ANSWER_LOST:
                raise HangUp(reset=False)
            case Fault.RESET_AFTER_EFFECT:
                raise HangUp(reset=True)
            case Fault.MALFORMED_JSON:
                return cut_short(answer)
            case _:
                return self._dialect.spoil(fault, answer)

    def _log(self, cause: Cause, answer: Answer | None) -> None:
        self._world.requests.add(
            LoggedRequest(
                seq=self._world.requests.next_seq(),
                at=self._world.clock.now(),
                request_id=cause.request_id or "",
                account=cause.account,
                method=cause.method,
                path=cause.path,
                idempotency_key=cause.idempotency_key,
                status=answer.status if answer else None,
                fault=cause.fault.fault if cause.fault else None,
                replayed=answer.is_replay if answer else False,
            )
        )


def delay_of(fault: AppliedFault | None) -> float:
    return fault.delay_seconds if fault else 0


async def let_webhooks_go_first(cause: Cause) -> None:
    """Wait for the first attempts that webhook_before_answer has put before the response."""
    if cause.answer_waits_for:
        tasks = [asyncio.ensure_future(first_attempt.wait()) for first_attempt in cause.answer_waits_for]
        _, unfinished = await asyncio.wait(tasks, timeout=MAX_WAIT_FOR_WEBHOOKS_SECONDS)
        for task in unfinished:
            task.cancel()
