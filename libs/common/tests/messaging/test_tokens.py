"""Access tokens at an endpoint of the test's own; with brokers in `test_secure_kafka.py`."""

from types import SimpleNamespace

import httpx
import pytest

from malipo.messaging import security
from malipo.messaging.security import AccessTokens, TokenUnavailable
from malipo.platform.client import http_client
from malipo.platform.tls import TlsFiles


class Endpoint:
    """Answers with a token of its own each time, or with `status`."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 200
        self.seconds: float | str = 300

    def answer(self, _request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(self.status, json={"access_token": f"token {self.asked}", "expires_in": self.seconds})


@pytest.fixture
def now(monkeypatch) -> SimpleNamespace:
    clock = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(security.clock, "since_boot", lambda: clock.seconds)
    return clock


@pytest.fixture
def endpoint(monkeypatch) -> Endpoint:
    made = Endpoint()

    def client(**_: object):
        return http_client(timeout_seconds=5, transport=httpx.MockTransport(made.answer))

    monkeypatch.setattr(security, "http_client", client)
    return made


@pytest.fixture
def tokens(endpoint) -> AccessTokens:
    return AccessTokens("https://tokens.test/", ("gateway", "secret"), None, {}, TlsFiles())


async def test_a_token_that_brokers_refuse_again_and_again_is_not_asked_for_as_often(endpoint, tokens, now):
    for _ in range(20):
        assert await tokens.token() == "token 1"
        tokens.refused()
    now.seconds += 60
    tokens.refused()
    assert await tokens.token() == "token 2"


async def test_an_endpoint_that_gives_none_is_left_alone_for_a_while_and_then_asked_again(endpoint, tokens, now):
    endpoint.status = 401
    for _ in range(20):
        with pytest.raises(TokenUnavailable, match=r"tokens\.test answers 401"):
            await tokens.token()
    now.seconds += 60
    endpoint.status = 200
    assert await tokens.token() == "token 2"


async def test_seconds_that_come_as_text_are_understood(endpoint, tokens):
    endpoint.seconds = "3599"
    assert await tokens.token() == await tokens.token() == "token 1"
