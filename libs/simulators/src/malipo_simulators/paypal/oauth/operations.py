"""POST /v1/oauth2/token: an access token for an app."""

from typing import override

from starlette.requests import Request

from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.kit.api.dialect import Dialect, Operation
from malipo_simulators.kit.api.reading import body_of, choose_fault, grant_in
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import Subject
from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.errors import (
    PaypalError,
    rate_limited,
    server_error,
    too_large,
    unreadable_fault,
    unsupported_grant,
    with_debug_id,
)
from malipo_simulators.paypal.http.auth import read_app
from malipo_simulators.paypal.objects.times import written
from malipo_simulators.paypal.state.account import Account
from malipo_simulators.paypal.state.world import PaypalWorld

PATH = "/v1/oauth2/token"
GRANT = "client_credentials"
APP_ID = "APP-80W284485P519543T"
SCOPES = (
    "https://uri.paypal.com/services/payments/payment/authcapture",
    "https://uri.paypal.com/services/payments/realtimepayment",
    "https://uri.paypal.com/services/payments/refund",
    "https://uri.paypal.com/services/applications/webhooks",
    "https://uri.paypal.com/services/reporting/search/read",
    "https://api.paypal.com/v1/payments/.*",
    "openid",
)


class TokenDialect(Dialect[Account]):
    """The app's id and secret by Basic authentication, and a form; errors as OAuth has them."""

    def __init__(self, world: PaypalWorld) -> None:
        self._world = world

    @property
    def operation(self) -> Operation[Account]:
        return Operation(("POST",), PATH, self._issue)

    @override
    def new_request_id(self) -> str:
        return self._world.new_request_id()

    @override
    async def read(self, incoming: Request, cause: Cause) -> Account:
        raw = await body_of(incoming, self._world.settings.max_body_bytes, too_large())
        account = read_app(self._world, incoming)
        cause.account = account.id
        subject = Subject(incoming.method, incoming.url.path, account.id, {}, None)
        cause.fault = choose_fault(self._world, incoming, lambda: subject, unreadable_fault)
        if grant_in(raw) != GRANT:
            raise unsupported_grant()
        return account

    @override
    def server_error(self) -> PaypalError:
        return server_error()

    @override
    def rate_limited(self, retry_after_seconds: int) -> PaypalError:
        return rate_limited(retry_after_seconds)

    @override
    def finish(self, answer: Answer, cause: Cause) -> Answer:
        return with_debug_id(answer, cause.request_id)

    @override
    def headers(self, incoming: Request, cause: Cause) -> dict[str, str]:
        return {"Paypal-Debug-Id": cause.request_id or ""}

    def _issue(self, account: Account) -> Answer:
        """A new token; the earlier ones live on to their ends."""
        token = self._world.tokens.issue(account.client_id)
        body: Json = {
            "scope": " ".join(SCOPES),
            "access_token": token,
            "token_type": "Bearer",
            "app_id": APP_ID,
            "expires_in": self._world.settings.token_seconds,
            "nonce": f"{written(self._world.clock.now())}{self._world.ids.draw('nonce', 40)}",
        }
        return Answer(200, encode(body))
