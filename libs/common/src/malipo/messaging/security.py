"""How a client of ours is let in by Kafka: TLS, SASL and access tokens, as the settings say, in the words of aiokafka."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, override
from urllib.parse import urlsplit

import httpx
import msgspec
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaError

from malipo import clock
from malipo.platform.client import Connector, http_client
from malipo.platform.kafka_settings import NOBODY, KafkaSettings
from malipo.platform.tls import RenewedContext, TlsFiles

_FETCH_SECONDS = 10.0
_USED_SHARE = 0.8  # of a token's life: a connection that begins with it is not to end soon
_LIFE_SECONDS = 300.0  # of a token that comes without `expires_in`
_REST_SECONDS = 5.0  # after each fetch: a process's clients try again every second, and would be locked out


@dataclass(frozen=True)
class KafkaAccess:
    """Where the brokers are, and what each client needs to be let in. One for a process: its clients share their tokens."""

    bootstrap: str
    security: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    who: str = NOBODY
    """Whom the brokers take us for, in words for people."""

    @classmethod
    def of(cls, settings: KafkaSettings) -> "KafkaAccess":
        """What the settings say. Certificates and tokens are renewed while it is used."""
        security: dict[str, Any] = {"security_protocol": settings.kafka_security_protocol}
        if settings.encrypts:
            files = TlsFiles(settings.kafka_ca_file, settings.kafka_certificate_file, settings.kafka_key_file)
            security["ssl_context"] = RenewedContext.of(files)
        if settings.authenticates:
            security["sasl_mechanism"] = settings.kafka_sasl_mechanism
        if settings.kafka_sasl_mechanism == "OAUTHBEARER":
            security["sasl_oauth_token_provider"] = AccessTokens.of(settings)
        elif settings.kafka_password:
            security["sasl_plain_username"] = settings.kafka_username
            security["sasl_plain_password"] = settings.kafka_password.get_secret_value()
        return cls(settings.kafka_bootstrap, security, settings.who)

    @property
    def options(self) -> dict[str, Any]:
        """What every client of aiokafka takes, beside what it is for."""
        return {"bootstrap_servers": self.bootstrap, **self.security}


class TokenUnavailable(KafkaError):
    """There is no access token to show a broker; says why. A client takes it for a broker that is away, and tries again."""


class _Granted(msgspec.Struct):
    """An answer of a token endpoint: https://datatracker.ietf.org/doc/html/rfc6749#section-5.1."""

    access_token: str
    expires_in: float = _LIFE_SECONDS


class AccessTokens(AbstractTokenProvider):
    """Access tokens by client credentials (RFC 6749, 4.4): one at a time is fetched, and used for most of its life."""

    def __init__(
        self, url: str, client: tuple[str, str], scope: str | None, extensions: Mapping[str, str], files: TlsFiles
    ) -> None:
        self._url = url
        self._client = client
        self._form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
        self._extensions = extensions
        self._ssl = RenewedContext.of(files)
        self._one_at_a_time = asyncio.Lock()
        self._token = ""
        self._good_until = float("-inf")
        self._failed: TokenUnavailable | None = None
        self._rests_until = float("-inf")

    @classmethod
    def of(cls, settings: KafkaSettings) -> "AccessTokens":
        """From settings that were checked: OAUTHBEARER has all that it needs."""
        assert settings.kafka_oauth_token_url
        assert settings.kafka_oauth_client_id
        assert settings.kafka_oauth_client_secret
        client = (settings.kafka_oauth_client_id, settings.kafka_oauth_client_secret.get_secret_value())
        pairs = (settings.kafka_oauth_extensions or "").split(",")
        extensions = dict(pair.split("=", 1) for pair in pairs if pair)
        files = TlsFiles(settings.kafka_oauth_ca_file)
        return cls(settings.kafka_oauth_token_url, client, settings.kafka_oauth_scope, extensions, files)

    @override
    async def token(self) -> str:  # pyright: ignore[reportIncompatibleMethodOverride] - aiokafka's has no body
        """One that is good for a while. Raises `TokenUnavailable`."""
        async with self._one_at_a_time:
            now = clock.since_boot()
            if now >= self._good_until:
                if self._failed and now < self._rests_until:
                    raise self._failed
                await self._renew(now)
            return self._token

    def refused(self) -> None:
        """A broker does not take the token: a new one is asked for, but for one that is as good as new."""
        self._good_until = min(self._good_until, self._rests_until)

    @override
    def extensions(self) -> dict[str, str]:
        """What the broker is told beside it."""
        return dict(self._extensions)

    async def _renew(self, now: float) -> None:
        try:
            granted, self._failed = await self._fetch(), None
        except TokenUnavailable as error:
            self._failed = error
            raise
        finally:
            self._rests_until = clock.since_boot() + _REST_SECONDS
        self._token, self._good_until = granted.access_token, now + granted.expires_in * _USED_SHARE

    async def _fetch(self) -> _Granted:
        """With a client of its own: minutes lie between two fetches."""
        connector = partial(Connector, ssl=self._ssl)
        try:
            async with (
                asyncio.timeout(_FETCH_SECONDS),
                http_client(timeout_seconds=_FETCH_SECONDS, connector=connector) as http,
            ):
                answer = await http.post(self._url, data=self._form, auth=httpx.BasicAuth(*self._client))
        except (httpx.HTTPError, OSError) as error:
            raise self._unavailable("does not answer", _cause(error)) from error
        if not answer.is_success:
            raise self._unavailable("answers", str(answer.status_code))
        try:
            return msgspec.json.decode(answer.content, type=_Granted, strict=False)  # some give the seconds as text
        except msgspec.MsgspecError as error:
            raise self._unavailable("answers without a token") from error

    def _unavailable(self, *why: str) -> TokenUnavailable:
        return TokenUnavailable(f"no access token: {urlsplit(self._url).hostname} {' '.join(why)}")


def _cause(error: BaseException) -> str:
    """What lies beneath, in its own words: httpx says only that something has failed."""
    return str(error.__cause__ or error) or type(error).__name__
