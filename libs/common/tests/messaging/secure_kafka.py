"""One real broker that asks who is there, by every way that a client of ours may tell it, for all tests of a process."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from malipo import clock
from malipo.messaging.acls import AclSettings
from malipo.messaging.provision import allow, provision
from malipo.messaging.security import KafkaAccess
from malipo.platform.kafka_settings import KafkaSettings
from malipo_local import Stack, kafka_security
from malipo_local.authority import Authority
from malipo_local.kafka_wire import Administrator, administrator
from malipo_local.ports import free_port
from testkit.serving import serving

WAYS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "mutual TLS")
USERS = ("gateway", "orchestrator")
BY_CERTIFICATE = {user: f"User:CN={user}" for user in USERS}
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_TOKEN = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"


@dataclass
class Tokens:
    """A token endpoint: who asks gets a token of their own, unless it `refuses`, or it has `ended` already."""

    url: str = ""
    life_seconds: float = 300
    refuses: bool = False
    ended: bool = False
    asked: list[str] = field(default_factory=list)

    async def grant(self, request: Request) -> JSONResponse:
        user, _, secret = (
            base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode().partition(":")
        )
        form = dict(parse_qsl((await request.body()).decode()))
        self.asked.append(user)
        if self.refuses or secret != f"{user}'s" or form != {"grant_type": "client_credentials", "scope": "kafka"}:
            return JSONResponse({"error": "invalid_client"}, 401)
        good_for = -600 if self.ended else self.life_seconds
        return JSONResponse({"access_token": unsigned(user, good_for), "expires_in": self.life_seconds})


def unsigned(user: str, life_seconds: float) -> str:
    """A token as the broker's own validator for trials takes it."""
    now = clock.unix_seconds()
    parts = ({"alg": "none"}, {"sub": user, "iat": now - 3600, "exp": now + life_seconds})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@dataclass(frozen=True)
class SecureKafka:
    """Where it listens: for passwords and tokens, for certificates, under a certificate that names another host, and where it
    tells clients to go to an address that leads nowhere.
    """

    stack: Stack
    authority: Authority
    mutual: str
    elsewhere: str
    misleading: str

    def settings(self, user: str, way: str = "SCRAM-SHA-512", **changes: str) -> KafkaSettings:
        """Of a client who comes as this user. `changes` are settings by their names in lower case."""
        given = {
            "environment": "test",
            "kafka_bootstrap": self.stack.kafka,
            "kafka_ca_file": str(self.authority.certificate),
        }
        return KafkaSettings.model_validate(given | self._told(user, way) | changes)

    def access(self, user: str, way: str = "SCRAM-SHA-512", **changes: str) -> KafkaAccess:
        return KafkaAccess.of(self.settings(user, way, **changes))

    @property
    def admin(self) -> KafkaAccess:
        return self.access(kafka_security.ADMIN, "PLAIN")

    def password(self, user: str) -> str:
        return kafka_security.password_of(self.stack.home, user)

    @asynccontextmanager
    async def administrating(self) -> AsyncGenerator[Administrator]:
        port, admin = int(self.stack.kafka.rpartition(":")[2]), kafka_security.ADMIN
        async with administrator(port, self.authority.certificate, admin, self.password(admin)) as connection:
            yield connection

    @asynccontextmanager
    async def tokens(self) -> AsyncGenerator[Tokens]:
        """An endpoint over TLS."""
        tokens, shown = Tokens(), self.authority.server("tokens")
        app = Starlette(routes=[Route("/token", tokens.grant, methods=["POST"])])
        config = uvicorn.Config(app, log_config=None, ssl_certfile=shown.certificate, ssl_keyfile=shown.key)
        async with serving(uvicorn.Server(config)) as url:
            tokens.url = f"https{url.removeprefix('http')}/token"
            yield tokens

    def settings_by_token(self, user: str, tokens: Tokens) -> KafkaSettings:
        told = {
            "kafka_oauth_token_url": tokens.url,
            "kafka_oauth_client_id": user,
            "kafka_oauth_client_secret": f"{user}'s",
            "kafka_oauth_scope": "kafka",
            "kafka_oauth_extensions": "logicalCluster=lkc-1,identityPoolId=pool-1",
            "kafka_oauth_ca_file": str(self.authority.certificate),
        }
        return self.settings(user, "OAUTHBEARER", **told)

    def _told(self, user: str, way: str) -> dict[str, str]:
        if way == "mutual TLS":
            shown = self.authority.client(user)
            files = {"kafka_certificate_file": str(shown.certificate), "kafka_key_file": str(shown.key)}
            return files | {"kafka_security_protocol": "SSL", "kafka_bootstrap": self.mutual}
        how = {"kafka_security_protocol": "SASL_SSL", "kafka_sasl_mechanism": way}
        return how if way == "OAUTHBEARER" else how | {"kafka_username": user, "kafka_password": self.password(user)}


@contextmanager
def secure_kafka(home: Path) -> Generator[SecureKafka]:
    """A broker with the topics, and with the rules of all services."""
    reserved = Stack(home, only={"kafka"}, secure=True)
    reserved.home.adopt()
    authority = Authority(reserved.home.tls)
    ports = [free_port() for _ in range(3)]
    options = _options(reserved, authority, *ports)
    with Stack(home, only={"kafka"}, secure=True, keep=False, settings={"kafka": options}) as stack:
        kafka = SecureKafka(stack, authority, *(f"127.0.0.1:{port}" for port in ports))
        asyncio.run(_set_up(kafka))
        yield kafka


async def _set_up(kafka: SecureKafka) -> None:
    await provision(kafka.admin, 1)
    await allow(kafka.admin, AclSettings())
    await allow(kafka.admin, AclSettings(kafka_principals=BY_CERTIFICATE))
    async with kafka.administrating() as broker:
        await broker.know({user: kafka.password(user) for user in USERS}, "SCRAM-SHA-256")


def _options(stack: Stack, authority: Authority, mutual: int, elsewhere: int, misleading: int) -> Mapping[str, str]:
    """What makes it a broker with more listeners and mechanisms than a stack's own has."""
    home, clients = stack.home, stack.kafka
    controller = f"127.0.0.1:{stack._site.port('kafka-controller')}"
    plain = " ".join(
        f'user_{user}="{kafka_security.password_of(home, user)}"' for user in (kafka_security.ADMIN, *USERS)
    )
    admin = f'username="{kafka_security.ADMIN}" password="{kafka_security.password_of(home, kafka_security.ADMIN)}"'
    stranger = authority.server("stranger", ["elsewhere.example"])
    shown = home.folder / "stranger.pem"
    shown.write_bytes(stranger.key.read_bytes() + stranger.certificate.read_bytes())
    more = f"MUTUAL://127.0.0.1:{mutual},ELSEWHERE://127.0.0.1:{elsewhere}"
    return {
        "listeners": f"CLIENTS://{clients},CONTROLLER://{controller},{more},MISLEADING://127.0.0.1:{misleading}",
        "advertised.listeners": f"CLIENTS://{clients},{more},MISLEADING://127.0.0.1:1",
        "listener.security.protocol.map": (
            "CLIENTS:SASL_SSL,CONTROLLER:SASL_SSL,MUTUAL:SSL,ELSEWHERE:SSL,MISLEADING:SSL"
        ),
        "listener.name.clients.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        "listener.name.clients.plain.sasl.jaas.config": f"{_PLAIN} required {admin} {plain};",
        "listener.name.clients.scram-sha-256.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "listener.name.clients.oauthbearer.sasl.jaas.config": f'{_TOKEN} required unsecuredLoginStringClaim_sub="broker";',
        "listener.name.clients.oauthbearer.connections.max.reauth.ms": "600000",
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.elsewhere.ssl.keystore.type": "PEM",
        "listener.name.elsewhere.ssl.keystore.location": str(shown),
    }
