"""POST /oauth2/token: an access token for a client."""

from typing import override

from starlette.requests import Request

from malipo_simulators.bank.errors import malformed, too_large, unsupported_grant
from malipo_simulators.bank.http.auth import read_client
from malipo_simulators.bank.http.dialect import PlainDialect
from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.kit.api.dialect import Operation
from malipo_simulators.kit.api.reading import body_of, choose_fault, grant_in
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import Subject

PATH = "/oauth2/token"
GRANT = "client_credentials"


class TokenDialect(PlainDialect[str]):
    """The client's id and secret by Basic authentication, and a form; errors as OAuth has them."""

    @property
    def operation(self) -> Operation[str]:
        return Operation(("POST",), PATH, self._issue)

    @override
    async def read(self, incoming: Request, cause: Cause) -> str:
        raw = await body_of(incoming, self._world.settings.max_body_bytes, too_large())
        client_id = read_client(self._world, incoming)
        cause.account = client_id
        subject = Subject(incoming.method, incoming.url.path, client_id, {}, None)
        cause.fault = choose_fault(self._world, incoming, lambda: subject, malformed)
        if grant_in(raw) != GRANT:
            raise unsupported_grant()
        return client_id

    def _issue(self, client_id: str) -> Answer:
        """A new token; the earlier ones live on to their ends."""
        token, seconds = self._world.tokens.issue(client_id), self._world.settings.token_seconds
        return Answer(200, encode({"access_token": token, "token_type": "Bearer", "expires_in": seconds}))
