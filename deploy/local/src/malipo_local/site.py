"""Where everything of one stack is: addresses, URLs, and the settings each process gets."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from malipo.contracts.permissions import OPERATOR
from malipo_local import kafka_security
from malipo_local.authority import trusted
from malipo_local.home import Home
from malipo_local.plan import Plan
from malipo_local.ports import HOST, Ports
from malipo_local.roles import Roles
from malipo_local.services import ADMIN_PORT, MIGRATES, SERVICES, Kind, Service

ADMINISTRATOR = "malipo"
"""PostgreSQL's superuser."""
REDIS_USER = "redis"
"""Whose password everybody has who may use Redis."""
_IN_THE_CLEAR = {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"}


@dataclass(slots=True)
class Site:
    """A home, the plan for it, and the ports in use. What a process is told is looked up when it starts."""

    home: Home
    plan: Plan
    ports: Ports

    def process_name(self, name: str, index: int) -> str:
        """What one process of a service is called: as the service, if it is the only one of the plan."""
        return name if index == 0 and self.plan.count(name) == 1 else f"{name}-{index}"

    def port(self, name: str, index: int = 0) -> int:
        """The port of a process."""
        return self.ports.of(f"{name}-{index}")

    def url(self, name: str, index: int = 0) -> str:
        """The base URL of a service or simulator."""
        return f"http://{HOST}:{self.port(name, index)}"

    def admin_url(self, name: str, index: int = 0) -> str:
        """Where a service has its health and metrics."""
        return f"http://{HOST}:{self.ports.of(f'{name}-{index}-{ADMIN_PORT}')}"

    def admin_urls(self, name: str) -> list[str]:
        """The same of all processes of a service."""
        return [self.admin_url(name, index) for index in range(self.plan.count(name))]

    def health_port(self, row: Service, index: int) -> int:
        """Where a process is asked whether it is ready."""
        keys = self.more_keys(row, index)
        return self.ports.of(keys[ADMIN_PORT]) if ADMIN_PORT in keys else self.port(row.name, index)

    def urls(self, name: str) -> list[str]:
        """The base URLs of all processes of a service."""
        return [self.url(name, index) for index in range(self.plan.count(name))]

    def database_url(self, database: str, role: str = ADMINISTRATOR) -> str:
        """The URL of a database on the stack's server, for one of its roles."""
        words = f"?sslmode=verify-full&sslrootcert={quote(str(trusted(self.home.tls)))}" if self.plan.secure else ""
        return f"postgresql://{role}:{self.home.password(role)}@{HOST}:{self.port('postgres')}/{database}{words}"

    def service_database_url(self, row: Service) -> str:
        """The URL of a service's own database for the role that serves, and for the one that owns it if it is to migrate."""
        roles = Roles.of(row.name.removeprefix(MIGRATES))
        return self.database_url(roles.database, roles.owns if row.kind is Kind.STEP else roles.serves)

    @property
    def kafka(self) -> str:
        """The bootstrap address."""
        return f"{HOST}:{self.port('kafka')}"

    def kafka_settings(self, user: str) -> dict[str, str]:
        """What a client of Kafka is told; `user` is one of `kafka_security.users`, or `kafka_security.ADMIN`."""
        secure = kafka_security.client_settings(self.home, user) if self.plan.secure else _IN_THE_CLEAR
        return {"KAFKA_BOOTSTRAP": self.kafka, **secure}

    @property
    def redis_url(self) -> str:
        """The URL of Redis' first database."""
        place = f"{HOST}:{self.port('redis')}/0"
        if not self.plan.secure:
            return f"redis://{place}"
        return f"rediss://:{self.home.password(REDIS_USER)}@{place}?ssl_ca_certs={quote(str(trusted(self.home.tls)))}"

    def settings(self, row: Service, index: int) -> dict[str, str]:
        """The environment variables of one process, the caller's overrides last."""
        own = {"instance": f"{row.name}-{index}"}
        if row.module and row.called:
            own |= {"port": str(self.port(row.name, index)), "url": self.url(row.name, index)}
        own |= {name: str(self.ports.of(key)) for name, key in self.more_keys(row, index).items()}
        if row.database:
            own["database_url"] = self.service_database_url(row)
        values = {**self._shared_values(), **own}
        filled = {name: value.format_map(values) for name, value in row.settings.items()}
        return {**filled, **self._more_of_kafka(row), **self.plan.overrides(row)}

    def _more_of_kafka(self, row: Service) -> dict[str, str]:
        """How a process is let in by a Kafka that asks."""
        if not self.plan.secure or "KAFKA_BOOTSTRAP" not in row.settings:
            return {}
        if row.kind is Kind.STEP and not row.database:
            return {**self.kafka_settings(kafka_security.ADMIN), "KAFKA_ACLS": "true"}
        return self.kafka_settings(row.name)

    def fill(self, row: Service, index: int) -> list[str]:
        """The arguments of a row with their values."""
        more = {name: self.ports.of(key) for name, key in self.more_keys(row, index).items()}
        return [argument.format(port=self.port(row.name, index), **more) for argument in row.arguments]

    @staticmethod
    def more_keys(row: Service, index: int) -> dict[str, str]:
        """By which keys the ports are known that a process has beside its own."""
        return {name: f"{row.name}-{index}-{name}" for name in row.more_ports}

    def environment(self, user: str = OPERATOR) -> dict[str, str]:
        """What a client needs to reach the stack, as environment variables; `user` is whom Kafka takes it for."""
        running = {row.name for row in self.plan.rows()}
        found: dict[str, str] = {}
        if "kafka" in running:
            found |= self.kafka_settings(user)
        if "redis" in running:
            found["REDIS_URL"] = self.redis_url
        if "postgres" in running:
            found["DATABASE_SERVER_URL"] = self.database_url("postgres")
        for row in self.plan.rows():
            found |= self._addresses(row)
        return found

    def _addresses(self, row: Service) -> dict[str, str]:
        if row.kind not in {Kind.SERVICE, Kind.SIMULATOR, Kind.OBSERVER}:
            return {}
        name = row.variable.upper()
        database = {f"{name}_DATABASE_URL": self.service_database_url(row)} if row.database else {}
        called = {f"{name}_URL": self.url(row.name)} if row.called else {}
        if row.kind is Kind.SERVICE:
            return {**called, f"{name}_ADMIN_URL": self.admin_url(row.name), **database}
        more = {f"{name}_{which.upper()}": str(self.ports.of(key)) for which, key in self.more_keys(row, 0).items()}
        return {**called, **more}

    def _shared_values(self) -> dict[str, str]:
        called = [row for row in SERVICES if row.called and row.kind in {Kind.SERVICE, Kind.SIMULATOR}]
        programs = {row.variable: self.url(row.name) for row in called}
        stores = {"kafka": self.kafka, "redis_url": self.redis_url, "key_ring": self.home.key_ring()}
        return {**programs, **stores, "simulators": _folder_of("malipo_simulators")}


def _folder_of(package: str) -> str:
    """Where a package is that no service imports."""
    found = find_spec(package)
    assert found is not None, f"{package} is installed with this one"
    assert found.origin is not None
    return str(Path(found.origin).parent)
