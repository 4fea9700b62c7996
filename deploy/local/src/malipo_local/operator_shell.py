"""What the shell of whoever follows docs/operations has, beside the addresses: programs, and the administrator's ways in."""

import os
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from malipo_local.postgres import server_user
from malipo_local.postgres_programs import NEWEST, client_programs
from malipo_local.services import Kind
from malipo_local.stack import Stack

_PROVIDER = "provider-"
_OF_LIBPQ = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}


def environment(stack: Stack) -> dict[str, str]:
    """The variables of docs/operations/README.md; they have the administrators' passwords. Raises StackError."""
    stack.require("postgres")
    home = stack.home.folder.absolute()
    running = {row.name: row.kind for row in stack.plan.rows()}
    providers = [name for name, kind in running.items() if kind is Kind.SERVICE and name.startswith(_PROVIDER)]
    user = server_user()
    return {
        **stack.env(),
        **(stack.kafka_settings() if "kafka" in running else {}),
        **_postgres(stack.administrator_url("gateway")),
        "PATH": os.pathsep.join([*_programs(stack), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "MALIPO_HOME": str(home),
        "ENVIRONMENT": "local",
        "KAFKA_REPLICATION": "1",
        "KEY_RING": stack.service_env("gateway")["KEY_RING"] if "gateway" in running else "",
        "PROVIDERS": " ".join(name.removeprefix(_PROVIDER) for name in providers),
        "PGDATA": str(home / "postgres"),
        "BACKUP": str(home / "backup"),
        "POSTGRES": user.pw_name if user else str(os.getuid()),
    }


def _programs(stack: Stack) -> list[str]:
    """PostgreSQL's, of which those at hand speak no TLS: a secure stack needs the machine's own."""
    return [] if stack.plan.secure else [str(client_programs(NEWEST))]


def _postgres(url: str) -> dict[str, str]:
    """The way to a server as its programs read it, for any of its databases."""
    found = urlsplit(url)
    words = {_OF_LIBPQ[name]: value for name, (value,) in parse_qs(found.query).items()}
    known = {
        "PGUSER": found.username,
        "PGPASSWORD": found.password,
        "PGHOST": found.hostname,
        "PGPORT": str(found.port),
    }
    return {**{name: value or "" for name, value in known.items()}, **words}
