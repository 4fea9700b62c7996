"""GET /.well-known/jwks.json: the keys that the bank signs webhooks with, for everybody."""

from typing import override

from starlette.requests import Request

from malipo_simulators.bank.errors import malformed
from malipo_simulators.bank.http.dialect import PlainDialect
from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.kit.api.dialect import Operation
from malipo_simulators.kit.api.reading import choose_fault
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import Subject

PATH = "/.well-known/jwks.json"


class KeySetDialect(PlainDialect[None]):
    """It goes wrong on request and is logged as calls of the API are."""

    @property
    def operation(self) -> Operation[None]:
        return Operation(("GET",), PATH, self._show)

    @override
    async def read(self, incoming: Request, cause: Cause) -> None:
        subject = Subject(incoming.method, incoming.url.path, "", {}, None)
        cause.fault = choose_fault(self._world, incoming, lambda: subject, malformed)

    def _show(self, _: None) -> Answer:
        return Answer(200, encode(self._world.webhooks.own_keys.published()))
