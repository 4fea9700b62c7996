"""The table of everything a stack runs: what it is called, how it starts, what it needs, its settings.

Adding a service is one row in SERVICES; those of providers come from their descriptors: for each the service
`provider-<name>`, which is told by `<NAME>_API_BASE`, or by a setting of its own (`_TOLD_BY`), where the simulator is, and by
`CALLBACK_BASE_URL` where it is itself, if its requests carry addresses of their own callbacks. Importing this file has no side effects, so that other places
(docker-compose, the documentation) can be checked against it.

Values in braces are filled in when a process starts:
  {port} {url} {instance}      of the process itself; of a service, where it is called, if it is
  {admin_port} {tls_port}      one more port of it, of those in `more_ports`
  {database_url}               a database of its own, named malipo_<package>, for the role that serves; a migration's is its owner's
  {kafka} {redis_url}          where the stores listen
  {key_ring}                   the data keys of this stack
  {simulators}                 the folder of the simulators' package, where files are that services read of them
  {gateway} {stripe_sim} ...   the URL of any program in the table that is called, dashes as underscores
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from malipo.contracts.descriptor import ProviderDescriptor
from malipo.contracts.providers import PROVIDERS

ADMIN_PORT = "admin_port"
"""Where a service is asked by operators alone, in `more_ports` of each."""
MIGRATES = "migrate-"
"""How the name of the step begins that brings a service's database up to date."""
PROMETHEUS_NAME = "prometheus"


class Kind(StrEnum):
    """What a row is, which decides how it is started and when it is stopped."""

    STORE = "store"
    STEP = "step"
    SIMULATOR = "simulator"
    SERVICE = "service"
    OBSERVER = "observer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """One row: a process that runs for as long as the stack, or a step that ends before others start."""

    name: str
    kind: Kind
    module: str = ""
    """Run as `python -m <module> <arguments>`; a store brings its own command."""
    arguments: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """What must be ready before this starts; selecting this row alone brings these too."""
    after: tuple[str, ...] = ()
    """What must be ready before this starts, if it is part of the stack at all."""
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    called: bool = True
    """Whether others than operators call it, so that it has a port of its own beside `more_ports`."""
    more_ports: tuple[str, ...] = ()
    """Names of ports that it listens on beside its own, as braces write them in its arguments and settings."""
    ready_path: str = "/health/ready"
    database: str = ""
    sources: tuple[str, ...] = ()
    """Of a step: the files that decide what it does. While they are the same, it need not run again."""

    @property
    def variable(self) -> str:
        """Its name as environment variables and braces write it, in lower case."""
        return self.name.replace("-", "_")


_MORE_PORTS: Mapping[str, tuple[str, ...]] = {"bank": ("tls_port",)}
"""What a simulator listens on beside its own port, each by the option of the same name."""


def _store(name: str) -> Service:
    return Service(name=name, kind=Kind.STORE)


def _simulator(name: str, which: str) -> Service:
    more_ports = _MORE_PORTS.get(which, ())
    opened = (text for port in more_ports for text in (f"--{port.replace('_', '-')}", f"{{{port}}}"))
    return Service(
        name=name,
        kind=Kind.SIMULATOR,
        module="malipo_simulators",
        arguments=(which, "--host", "127.0.0.1", "--port", "{port}", *opened),
        more_ports=more_ports,
        ready_path="/_sim/health",
    )


_EVERY_SERVICE_HAS: Mapping[str, str] = {
    "INSTANCE": "{instance}",
    "DATABASE_URL": "{database_url}",
    "KAFKA_BOOTSTRAP": "{kafka}",
    "ADMIN_HOST": "127.0.0.1",
    "ADMIN_PORT": "{admin_port}",
    "LOG_LEVEL": "INFO",
    "ENVIRONMENT": "local",
}
_IS_CALLED: Mapping[str, str] = {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": "{port}", "HTTP_DRAIN_SECONDS": "0"}
"""What services have that merchants or providers call."""
_SEALS: Mapping[str, str] = {"KEY_RING": "{key_ring}"}
"""What services have that seal or open secrets."""
_A_MIGRATION_HAS = ("DATABASE_URL", "ENVIRONMENT")


def _service(
    name: str,
    *,
    needs: tuple[str, ...] = (),
    after: tuple[str, ...] = (),
    settings: Mapping[str, str],
    called: bool = True,
) -> Service:
    package = name.replace("-", "_")
    return Service(
        name=name,
        kind=Kind.SERVICE,
        module=package,
        arguments=("serve",),
        needs=("postgres", "kafka", "topics", *needs),
        after=after,
        settings={**_EVERY_SERVICE_HAS, **(_IS_CALLED if called else {}), **settings},
        called=called,
        more_ports=(ADMIN_PORT,),
        database=f"malipo_{package}",
    )


_OF_SIMULATORS: Mapping[str, Mapping[str, str]] = {
    "mpesa": {"MPESA_CERTIFICATE_FILE": "{simulators}/mpesa/initiators/certificate.cer"},
    "paypal": {
        "PAYPAL_CERTIFICATE_ORIGINS": "{paypal_sim}",
        "PAYPAL_CERTIFICATE_AUTHORITIES_FILE": "{simulators}/paypal/webhooks/root.pem",
    },
}
"""What a provider's service reads of its simulator, files and addresses, by setting."""
_TOLD_BY: Mapping[str, tuple[str, str]] = {
    "bank": (
        "BANK_PARTNERS",
        '{{"default": {{"mode": "test", "authentication": "oauth2", "api_base": "{bank_sim}"}}}}',
    ),
}
"""The setting that says where a provider's simulator is, if it is no plain address, and its value."""


def _provider(provider: ProviderDescriptor) -> Service:
    name = provider.name
    setting, where = _TOLD_BY.get(name, (f"{name.upper()}_API_BASE", f"{{{name}_sim}}"))
    settings = {**_SEALS, setting: where, **_OF_SIMULATORS.get(name, {})}
    if provider.own_addresses:
        settings["CALLBACK_BASE_URL"] = "{url}"
    return _service(f"provider-{name}", after=(f"{name}-sim",), settings=settings)


SERVICES: tuple[Service, ...] = (
    _store("postgres"),
    _store("redis"),
    _store("kafka"),
    Service(
        name="topics",
        kind=Kind.STEP,
        module="malipo.messaging.provision",
        needs=("kafka",),
        settings={"KAFKA_BOOTSTRAP": "{kafka}", "ENVIRONMENT": "local", "KAFKA_REPLICATION": "1"},
        sources=(
            "malipo/contracts/**/*",
            *(f"malipo/messaging/{name}.py" for name in ("provision", "acls", "authorizer")),
        ),
    ),
    *(_simulator(f"{name}-sim", name) for name in PROVIDERS),
    _simulator("merchant-sim", "merchant"),
    _service("gateway", needs=("redis",), settings={**_SEALS, "REDIS_URL": "{redis_url}", "ALLOW_LOOPBACK": "true"}),
    _service("orchestrator", settings={}, called=False),
    *map(_provider, PROVIDERS.values()),
    _service(
        "webhook-dispatcher", after=("merchant-sim",), settings={**_SEALS, "ALLOW_LOOPBACK": "true"}, called=False
    ),
)

OBSERVERS: tuple[Service, ...] = (
    Service(
        name=PROMETHEUS_NAME,
        kind=Kind.OBSERVER,
        after=tuple(row.name for row in SERVICES if row.kind is Kind.SERVICE),  # their ports are known for good then
    ),
)
"""What looks at the others, and runs only where that is wanted: nothing of the system."""


def names(kind: Kind) -> tuple[str, ...]:
    """What the rows of a kind are called, in alphabetical order."""
    return tuple(sorted(row.name for row in SERVICES if row.kind is kind))


def uncalled() -> frozenset[str]:
    """The services that nobody calls but operators."""
    return frozenset(row.name for row in SERVICES if not row.called)


def migration_of(service: Service) -> Service:
    """The step that brings a service's database up to date before the service starts."""
    return Service(
        name=f"{MIGRATES}{service.name}",
        kind=Kind.STEP,
        module=service.module,
        arguments=("migrate",),
        needs=("postgres",),
        settings={name: value for name, value in service.settings.items() if name in _A_MIGRATION_HAS},
        database=service.database,
        sources=(
            f"{service.module}/migrations/**/*",
            "malipo/messaging/migration.py",
            "provider_kit/migration.py",
            "malipo/platform/migrations.py",
        ),
    )


def select(only: Iterable[str] | None) -> tuple[Service, ...]:
    """The rows that run when `only` is selected (everything when None), steps included.

    Raises KeyError with the first name that is not in the table.
    """
    table = {row.name: row for row in SERVICES}
    wanted = list(table) if only is None else list(only)
    chosen: dict[str, Service] = {}
    while wanted:
        row = table[wanted.pop()]
        if row.name not in chosen:
            chosen[row.name] = row
            wanted.extend(row.needs)
    return tuple(_with_migrations(row for row in SERVICES if row.name in chosen))


def _with_migrations(rows: Iterable[Service]) -> Iterable[Service]:
    for row in rows:
        if row.kind is Kind.SERVICE:
            yield migration_of(row)
        yield row


def waits_for(row: Service) -> tuple[str, ...]:
    """Every name that must be ready first, its own migration included."""
    own = (f"{MIGRATES}{row.name}",) if row.kind is Kind.SERVICE else ()
    return (*row.needs, *row.after, *own)
