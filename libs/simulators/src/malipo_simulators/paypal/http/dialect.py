"""PayPal's conventions of HTTP, as the kit needs them: tokens, request ids, debug ids, the 500 and the 429."""

from collections.abc import Callable
from typing import NoReturn, override

from starlette.requests import Request

from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.kit.api.dialect import Dialect, Operation
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import AppliedFault
from malipo_simulators.paypal.errors import PaypalError, rate_limited, server_error, with_debug_id
from malipo_simulators.paypal.http.call import Call
from malipo_simulators.paypal.http.faults import spoil, striking
from malipo_simulators.paypal.http.reading import read_request
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.state.idempotency import Name
from malipo_simulators.paypal.state.world import PaypalWorld


class PaypalDialect(Dialect[PaypalRequest]):
    """Of one call of the API."""

    def __init__(self, world: PaypalWorld, call: Call) -> None:
        self._world = world
        self._call = call

    @property
    def operation(self) -> Operation[PaypalRequest]:
        return Operation((self._call.method,), self._call.path, striking(self._call.run))

    @override
    def new_request_id(self) -> str:
        return self._world.new_request_id()

    @override
    async def read(self, incoming: Request, cause: Cause) -> PaypalRequest:
        return await read_request(self._world, self._call, incoming, cause)

    @override
    def server_error(self) -> PaypalError:
        return server_error()

    @override
    def rate_limited(self, retry_after_seconds: int) -> PaypalError:
        return rate_limited(retry_after_seconds)

    @override
    def begin(self, request: PaypalRequest) -> Answer | None:
        """What was done under the same PayPal-Request-Id, as it is now: whatever the body says this time."""
        name = name_of(request)
        made = request.account.idempotency.begin(name, request.change.now) if name else None
        return Answer(200, encode(made.show(request.full)), is_replay=True) if made else None

    @override
    def end(self, request: PaypalRequest, answer: Answer | None) -> None:
        del answer  # the effect was remembered as it came about, if it did
        name = name_of(request)
        if name:
            request.account.idempotency.end(name)

    @override
    def spoil(self, fault: AppliedFault, answer: Answer) -> Answer:
        return spoil(fault, answer)

    @override
    def finish(self, answer: Answer, cause: Cause) -> Answer:
        return with_debug_id(answer, cause.request_id)

    @override
    def headers(self, incoming: Request, cause: Cause) -> dict[str, str]:
        return {"Paypal-Debug-Id": cause.request_id or ""}


class RefusingDialect(PaypalDialect):
    """Of what there is not: a wrong path, or a path's wrong method. Nothing else is looked at."""

    def __init__(self, world: PaypalWorld, call: Call, error: Callable[[], PaypalError]) -> None:
        super().__init__(world, call)
        self._error = error

    @override
    async def read(self, incoming: Request, cause: Cause) -> NoReturn:
        raise self._error()


def name_of(request: PaypalRequest) -> Name | None:
    return None if request.idempotency_key is None else (request.change.cause.path, request.idempotency_key)
