"""A broker as in production: TLS alone, a password for each service, and nothing allowed but what the topics' table says.

`admin` is the broker itself and whoever provisions it, the only super user; it is known from the configuration, all others from
what it is told when it is up.
"""

from pathlib import Path

from malipo.contracts.permissions import OPERATOR, services
from malipo_local.authority import Authority, trusted
from malipo_local.home import Home
from malipo_local.plan import Plan
from malipo_local.ports import HOST
from malipo_local.private import write_private

ADMIN = "admin"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_PROPERTIES = {
    "listener.security.protocol.map": "CLIENTS:SASL_SSL,CONTROLLER:SASL_SSL",
    "inter.broker.listener.name": "CLIENTS",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "sasl.mechanism.controller.protocol": "PLAIN",
    "listener.name.clients.sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
    "listener.name.clients.scram-sha-512.sasl.jaas.config": f"{_SCRAM} required;",
    "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
    "ssl.keystore.type": "PEM",
    "ssl.truststore.type": "PEM",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "false",
    "super.users": f"User:{ADMIN}",
}


def password_of(home: Home, user: str) -> str:
    """The password of a user of this stack's Kafka."""
    return home.password(f"kafka/{user}")


def users(plan: Plan) -> tuple[str, ...]:
    """Everybody whom the broker is to know by SCRAM: each service, the operator, and consumers of one's own."""
    return (*services(), OPERATOR, *plan.consumers())


def passwords(home: Home, plan: Plan) -> dict[str, str]:
    """Theirs, by user."""
    return {user: password_of(home, user) for user in users(plan)}


def secured(home: Home, port: int, controller_port: int) -> dict[str, str]:
    """The properties that make a broker a secure one, and the files that they name."""
    authority = Authority(home.tls)
    identity = authority.server("kafka")
    password = password_of(home, ADMIN)
    known = f'{_PLAIN} required username="{ADMIN}" password="{password}" user_{ADMIN}="{password}";'
    return {
        **_PROPERTIES,
        "listeners": f"CLIENTS://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"CLIENTS://{HOST}:{port}",
        "listener.name.clients.plain.sasl.jaas.config": known,
        "listener.name.controller.plain.sasl.jaas.config": known,
        "ssl.keystore.location": str(_together(home, identity.key, identity.certificate)),
        "ssl.truststore.location": str(authority.certificate),
    }


def client_settings(home: Home, user: str) -> dict[str, str]:
    """What a client is told beside where the broker is. `ADMIN` may do everything."""
    return {
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "PLAIN" if user == ADMIN else "SCRAM-SHA-512",
        "KAFKA_USERNAME": user,
        "KAFKA_PASSWORD": password_of(home, user),
        "KAFKA_CA_FILE": str(trusted(home.tls)),
    }


def _together(home: Home, *files: Path) -> Path:
    """One file with a key and its certificate, as Kafka reads them."""
    path = home.folder / "kafka.pem"
    write_private(path, b"".join(file.read_bytes() for file in files))
    return path
