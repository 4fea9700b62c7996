"""Daraja's conventions of HTTP, as the kit needs them: tokens, JSON, the 500 and the spike arrest, wrong responses."""

from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn, override

from starlette.requests import Request

from malipo_simulators.kit.api.answers import Answer
from malipo_simulators.kit.api.dialect import Dialect
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import AppliedFault
from malipo_simulators.mpesa.errors import DarajaError, server_error, spike_arrest
from malipo_simulators.mpesa.http.faults import spoil
from malipo_simulators.mpesa.http.reading import read_request, read_token_request
from malipo_simulators.mpesa.http.request import MpesaRequest
from malipo_simulators.mpesa.state.world import MpesaWorld

ERROR_BEGINS = b'{"errorCode":'


class MpesaDialect(Dialect[MpesaRequest]):
    """Of every product but the token's: an access token, and a body of JSON."""

    def __init__(self, world: MpesaWorld) -> None:
        self.world = world

    @override
    def new_request_id(self) -> str:
        return self.world.new_request_id()

    @override
    async def read(self, incoming: Request, cause: Cause) -> MpesaRequest:
        return await read_request(self.world, incoming, cause)

    @override
    def server_error(self) -> DarajaError:
        return server_error()

    @override
    def rate_limited(self, retry_after_seconds: int) -> DarajaError:
        """No Retry-After: Daraja does not say when."""
        del retry_after_seconds
        return spike_arrest()

    @override
    def spoil(self, fault: AppliedFault, answer: Answer) -> Answer:
        return spoil(fault, answer)

    @override
    def finish(self, answer: Answer, cause: Cause) -> Answer:
        """An error names the request, which it does not know where it is raised."""
        if not answer.body.startswith(ERROR_BEGINS):
            return answer
        return replace(answer, body=b'{"requestId":"%s",' % str(cause.request_id).encode() + answer.body[1:])


class TokenDialect(MpesaDialect):
    """Of the request for a token: the app's key and secret."""

    @override
    async def read(self, incoming: Request, cause: Cause) -> MpesaRequest:
        return await read_token_request(self.world, incoming, cause)


class RefusingDialect(MpesaDialect):
    """Of what there is not: a wrong path, or a path's wrong method. Nothing else is looked at."""

    def __init__(self, world: MpesaWorld, error: Callable[[str], DarajaError]) -> None:
        super().__init__(world)
        self._error = error

    @override
    async def read(self, incoming: Request, cause: Cause) -> NoReturn:
        raise self._error(cause.method)
