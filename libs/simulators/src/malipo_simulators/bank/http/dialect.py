"""The bank's conventions of HTTP, as the kit needs them: credentials, idempotency keys, request ids, the 500 and the 429."""

from collections.abc import Callable
from typing import NoReturn, override

from starlette.requests import Request

from malipo_simulators.bank.errors import BankError, rate_limited, server_error, with_request_id
from malipo_simulators.bank.http.call import Call
from malipo_simulators.bank.http.faults import spoil
from malipo_simulators.bank.http.reading import read_request
from malipo_simulators.bank.http.request import BankRequest
from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.kit.api.answers import Answer
from malipo_simulators.kit.api.dialect import Dialect, Operation
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import AppliedFault


class PlainDialect[Q](Dialect[Q]):
    """What the API and the token's endpoint have in common."""

    def __init__(self, world: BankWorld) -> None:
        self._world = world

    @override
    def new_request_id(self) -> str:
        return self._world.new_id("req")

    @override
    def server_error(self) -> BankError:
        return server_error()

    @override
    def rate_limited(self, retry_after_seconds: int) -> BankError:
        return rate_limited(retry_after_seconds)

    @override
    def finish(self, answer: Answer, cause: Cause) -> Answer:
        return with_request_id(answer, cause.request_id)

    @override
    def headers(self, incoming: Request, cause: Cause) -> dict[str, str]:
        return {"X-Request-Id": cause.request_id or ""}


class BankDialect(PlainDialect[BankRequest]):
    """Of one call of the API."""

    def __init__(self, world: BankWorld, call: Call) -> None:
        super().__init__(world)
        self._call = call

    @property
    def operation(self) -> Operation[BankRequest]:
        return Operation((self._call.method,), self._call.path, self._call.run)

    @override
    async def read(self, incoming: Request, cause: Cause) -> BankRequest:
        return await read_request(self._world, self._call, incoming, cause)

    @override
    def begin(self, request: BankRequest) -> Answer | None:
        if request.key is None:
            return None
        return request.customer.keys.begin(request.key, request.fingerprint, self._world.clock.now())

    @override
    def end(self, request: BankRequest, answer: Answer | None) -> None:
        del answer  # it was kept as its effect came about, if it had one
        if request.key is not None:
            request.customer.keys.end(request.key)

    @override
    def spoil(self, fault: AppliedFault, answer: Answer) -> Answer:
        return spoil(fault, answer)


class RefusingDialect(PlainDialect[BankRequest]):
    """Of what there is not: a wrong path, or a path's wrong method. Nothing else is looked at."""

    def __init__(self, world: BankWorld, error: Callable[[], BankError]) -> None:
        super().__init__(world)
        self._error = error

    @override
    async def read(self, incoming: Request, cause: Cause) -> NoReturn:
        raise self._error()
