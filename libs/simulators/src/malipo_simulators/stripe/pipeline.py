"""One API request from arrival to answer: fault, idempotency, operation, and what the fault does to the answer."""

import asyncio
from contextlib import suppress

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from malipo_simulators.server import hang_up
from malipo_simulators.stripe import answers
from malipo_simulators.stripe.answers import Answer, answer_error, answer_ok
from malipo_simulators.stripe.call import Call
from malipo_simulators.stripe.errors import StripeError, lock_timeout, rate_limited, server_error
from malipo_simulators.stripe.fault_rules import Fault
from malipo_simulators.stripe.faults import Applied
from malipo_simulators.stripe.gate import admit
from malipo_simulators.stripe.operations import Operation
from malipo_simulators.stripe.request_log import LoggedRequest
from malipo_simulators.stripe.shapes import Json
from malipo_simulators.stripe.world import Cause, World

# webhook_before_answer does not wait for ever: a receiver that is down must not hang the API.
MAX_WAIT_FOR_WEBHOOKS_SECONDS = 10


class HangUp(Exception):
    """Drop the connection without an answer."""

    def __init__(self, *, reset: bool) -> None:
        self.reset = reset


class ApiEndpoint:
    """An ASGI app for one operation. ASGI, not a plain handler, as some faults take the connection away."""

    def __init__(self, world: World, operation: Operation) -> None:
        self._world = world
        self._operation = operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        cause = Cause(request.method, request.url.path, request_id=self._world.ids.mint("req", 14))
        visit = Visit(self._world, self._operation, cause)
        try:
            response = await visit.answer(request)
        except ClientDisconnect:
            return
        except HangUp as order:
            await hang_up(scope, receive, reset=order.reset)
            return
        await response(scope, receive, send)


class Visit:
    def __init__(self, world: World, operation: Operation, cause: Cause) -> None:
        self._world = world
        self._operation = operation
        self._cause = cause
        self._account: str | None = None

    async def answer(self, request: Request) -> Response:
        try:
            answer = await self._carry_out(request)
        except HangUp:
            self._log(None)
            raise
        except StripeError as error:
            answer = answer_error(error)
        self._log(answer)
        return self._respond(request, answer)

    async def _carry_out(self, request: Request) -> Answer:
        call = await admit(self._world, request, self._cause)
        self._account = call.account.id
        fault = self._cause.fault
        refuse_early(fault)
        if fault is not None and fault.fault is Fault.HTML_ERROR:
            return answers.bad_gateway()
        if fault is not None and fault.fault is Fault.REQUEST_LATE:
            self._world.later(fault.delay_seconds, lambda: arrive(self._operation, call))
            raise HangUp(reset=True)
        return spoil(fault, await self._once(call))

    async def _once(self, call: Call) -> Answer:
        """Run the operation, or replay what it answered under this key before."""
        key = self._cause.idempotency_key
        if key is None:
            return (await self._run(call))[0]
        keys = call.account.keys
        stored = keys.begin(key, call.fingerprint, self._world.clock.now())
        if stored is not None:
            return stored
        remembered = False
        try:
            answer, remembered = await self._run(call)
            keys.store(key, answer)
        finally:
            if not remembered:
                keys.forget(key)
        return answer

    async def _run(self, call: Call) -> tuple[Answer, bool]:
        """The answer, and whether an idempotency key remembers it."""
        fault = self._cause.fault
        if fault is not None and fault.fault is Fault.SLOW:
            await asyncio.sleep(fault.delay_seconds)
        answer, remembered = answered(self._operation, call, fault)
        await self._let_webhooks_go_first()
        return answer, remembered

    async def _let_webhooks_go_first(self) -> None:
        waits = [delivery.first_attempt.wait() for delivery in self._cause.deliveries if delivery.first_attempt]
        if waits:
            tasks = [asyncio.ensure_future(wait) for wait in waits]
            _, unfinished = await asyncio.wait(tasks, timeout=MAX_WAIT_FOR_WEBHOOKS_SECONDS)
            for task in unfinished:
                task.cancel()

    def _respond(self, request: Request, answer: Answer) -> Response:
        headers = {"Request-Id": self._cause.request_id or ""} | answer.headers
        version = request.headers.get("stripe-version")
        if version:
            headers["Stripe-Version"] = version
        if self._cause.idempotency_key:
            headers["Idempotency-Key"] = self._cause.idempotency_key
        return Response(answer.body, answer.status, headers, answer.content_type)

    def _log(self, answer: Answer | None) -> None:
        fault = self._cause.fault
        self._world.requests.add(
            LoggedRequest(
                seq=self._world.requests.next_seq(),
                at=self._world.clock.now(),
                request_id=self._cause.request_id or "",
                account=self._account,
                method=self._cause.method,
                path=self._cause.path,
                idempotency_key=self._cause.idempotency_key,
                status=answer.status if answer else None,
                fault=fault.fault if fault else None,
                replayed=answer.is_replay if answer else False,
            )
        )


def refuse_early(fault: Applied | None) -> None:
    """Faults that stop a request before the endpoint sees it: nothing happens and nothing is stored."""
    match fault.fault if fault else None:
        case Fault.CONNECTION_RESET:
            raise HangUp(reset=True)
        case Fault.RATE_LIMITED:
            raise rate_limited(max(1, round(fault.delay_seconds)) if fault else 1)
        case Fault.LOCK_TIMEOUT:
            raise lock_timeout()
        case _:
            return


def arrive(operation: Operation, call: Call) -> None:
    """A request that was long on its way comes: its key decides as ever, and nobody hears the answer."""
    keys, key = call.account.keys, call.work.cause.idempotency_key
    if key is None:
        answered(operation, call, None)
        return
    with suppress(StripeError):  # its key was used meanwhile, for another request
        if keys.begin(key, call.fingerprint, call.world.clock.now()) is None:
            answer, remembered = answered(operation, call, None)
            keys.store(key, answer)
            if not remembered:
                keys.forget(key)


def answered(operation: Operation, call: Call, fault: Applied | None) -> tuple[Answer, bool]:
    """The answer, and whether an idempotency key remembers it."""
    try:
        return answer_ok(perform(operation, call, fault)), True
    except StripeError as error:
        return answer_error(error), error.remembered


def perform(operation: Operation, call: Call, fault: Applied | None) -> Json:
    """The operation itself, with the 500s that are stored: one instead of the effect, one after it, one long before it."""
    match fault.fault if fault else None:
        case Fault.ERROR_BEFORE_EFFECT:
            raise server_error()
        case Fault.ERROR_AFTER_EFFECT:
            operation.run(call)
            raise server_error()
        case Fault.ERROR_RECONCILED:
            assert fault is not None
            call.world.later(fault.delay_seconds, lambda: reconcile(operation, call))
            raise server_error()
        case _:
            return operation.run(call)


def reconcile(operation: Operation, call: Call) -> None:
    """Carry an order out that was answered with a 500 long ago, if it still can be; nobody is told but by webhooks."""
    with suppress(StripeError):
        operation.run(call)


def spoil(fault: Applied | None, answer: Answer) -> Answer:
    """Faults of the wire: what is stored under the key stays true, only this one answer is lost or lies."""
    match fault.fault if fault else None:
        case Fault.ANSWER_LOST:
            raise HangUp(reset=False)
        case Fault.RESET_AFTER_EFFECT:
            raise HangUp(reset=True)
        case Fault.MALFORMED_JSON:
            return answers.cut_short(answer)
        case Fault.AMOUNT_MISMATCH:
            return answers.with_other_amount(answer)
        case Fault.UNKNOWN_STATUS:
            return answers.with_unknown_status(answer)
        case _:
            return answer
