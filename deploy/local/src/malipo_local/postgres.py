"""Runs PostgreSQL, as root or as an ordinary user; with `--secure` it takes TLS alone.

fsync and synchronous_commit stay on: killing the server must not lose a committed row, here as in production.
There are two versions; `--set postgres.VERSION=16` chooses the one that production runs. Any other
setting of postgres is an option of the server, as in `--set postgres.max_connections=300`.
"""

import contextlib
import hashlib
import os
import pwd
import signal
import stat
from collections.abc import Generator
from pathlib import Path

import asyncpg
import psutil

from malipo_local.authority import Authority
from malipo_local.connection import connected
from malipo_local.errors import StartError
from malipo_local.hints import make
from malipo_local.ports import HOST
from malipo_local.postgres_programs import NEWEST, fetch_if_missing, server_programs, version_of
from malipo_local.private import write_private
from malipo_local.process import Command, run
from malipo_local.roles import Roles, establish, script
from malipo_local.services import MIGRATES, Kind
from malipo_local.site import ADMINISTRATOR, Site

_SECURED = {"ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key"}
_ROLES = "roles"  # among what is done
_NOT_YET = (OSError, asyncpg.PostgresError, TimeoutError)
_USERS_FOR_ROOT = ("postgres", "nobody")
_OPTIONS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "400",  # for four replicas of each service, as in docker-compose.yml
    "shared_buffers": "64MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "dynamic_shared_memory_type": "mmap",  # in the data folder, so that it goes with it when the server is killed
}


class Postgres:
    """One server, with a database for each service of the plan."""

    def __init__(self, site: Site) -> None:
        """Keep the data in the home."""
        self._site = site
        self._data = site.home.folder / "postgres"
        self._user = server_user()
        self._log = site.home.log("postgres")
        self._options = {**site.plan.settings.get("postgres", {})}
        self._options.pop("VERSION", None)
        self._version = version_of(site)
        self._programs = server_programs(site)

    async def prepare(self) -> None:
        """Make the data folder, once; clear what a power cut left behind."""
        await fetch_if_missing(self._site)
        open_the_way(self._programs, self._user)
        fresh = not (self._data / "PG_VERSION").exists()
        if not fresh and not self._site.home.has_passwords():
            down = make("down", "--purge", home=self._site.home.folder)
            message = f"The data in {self._data} is older than its passwords. Begin anew: {down}"
            raise StartError(message)
        if fresh:
            self._site.home.forget_steps(MIGRATES)
            self._site.home.forget_steps(_ROLES)
            await self._initialise()
        open_the_way(self._data, self._user)
        self._let_in()
        _remove_stale_pid_file(self._data)

    def command(self) -> Command:
        """The server itself; SIGINT is its fast shutdown, SIGQUIT the one that needs recovery afterwards."""
        secured = _SECURED if self._site.plan.secure else {}
        options = {**_OPTIONS, "port": str(self._site.port("postgres")), **secured, **self._options}
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return Command(
            argv=[str(self._programs / "postgres"), "-D", str(self._data), *arguments],
            log=self._log,
            user=self._user,
            # Data that is thrown away need not be flushed first, which takes seconds after many databases.
            stop_signal=signal.SIGQUIT if self._site.plan.temporary else signal.SIGINT,
            death_signal=signal.SIGQUIT,
        )

    async def is_ready(self) -> bool:
        """It accepts connections, and every service's database and roles are there."""
        try:
            await self._establish_roles()
        except _NOT_YET:
            return False
        return True

    @property
    def port_keys(self) -> list[str]:
        """One port."""
        return ["postgres-0"]

    async def _establish_roles(self) -> None:
        wanted = [Roles.of(row.name, row.database) for row in self._site.plan.rows() if row.kind is Kind.SERVICE]
        home, digest = self._site.home, hashlib.sha256(script(wanted).encode()).hexdigest()
        if home.done().get(_ROLES) == digest:
            async with connected(self._site.database_url("postgres")):
                return
        passwords = {role: home.password(role) for one in wanted for role in (one.owns, one.serves)}
        await establish(self._site.database_url, wanted, passwords)
        home.mark_done(_ROLES, digest)

    async def _initialise(self) -> None:
        self._data.mkdir(exist_ok=True)
        self._give_away(self._data)
        open_the_way(self._data, self._user)
        options = ["--auth=scram-sha-256", f"--username={ADMINISTRATOR}", "--no-sync", "--no-instructions"]
        options += ["--encoding=UTF8", "--locale=C"]
        if self._version == NEWEST:
            options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        with self._password_file() as password:
            command = [str(self._programs / "initdb"), "-D", str(self._data), f"--pwfile={password}", *options]
            code = await run(Command(argv=command, log=self._log, user=self._user))
        if code != 0:
            message = f"initdb failed in {self._data}; see {self._log}. Or start afresh: down --purge."
            raise StartError(message)

    def _let_in(self) -> None:
        """By password, and in a secure stack by TLS alone."""
        how = "hostssl" if self._site.plan.secure else "host"
        let_in = ("all all", f"replication {ADMINISTRATOR}")  # the latter takes backups
        self._write("pg_hba.conf", "".join(f"{how} {who} {HOST}/32 scram-sha-256\n" for who in let_in).encode())
        if self._site.plan.secure:
            server = Authority(self._site.home.tls).server("postgres")
            for name, file in (("server.crt", server.certificate), ("server.key", server.key)):
                self._write(name, file.read_bytes())

    def _write(self, name: str, content: bytes) -> None:
        """A file of the data folder, for the server alone."""
        path = self._data / name
        write_private(path, content)
        self._give_away(path)

    @contextlib.contextmanager
    def _password_file(self) -> Generator[Path]:
        path = self._site.home.folder / "administrator"
        write_private(path, self._site.home.password(ADMINISTRATOR).encode())
        self._give_away(path)
        try:
            yield path
        finally:
            path.unlink()

    def _give_away(self, path: Path) -> None:
        if self._user:
            os.chown(path, self._user.pw_uid, self._user.pw_gid)


async def create_database(site: Site, name: str) -> bool:
    """Create one that the administrator owns, unless it is there; False when the server does not answer."""
    try:
        async with connected(site.database_url("postgres")) as server:
            if not await server.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name):
                await server.execute(f'CREATE DATABASE "{name}"')
    except _NOT_YET:
        return False
    return True


def server_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: the account to use then, and None for an ordinary user."""
    if os.geteuid() != 0:
        return None
    for name in _USERS_FOR_ROOT:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    message = f"PostgreSQL does not run as root, and there is none of: {_USERS_FOR_ROOT}. Run as another user."
    raise StartError(message)


def open_the_way(path: Path, user: pwd.struct_passwd | None) -> None:
    """As root only: let the server's account pass through (not list) the folders above `path`."""
    if user is None:
        return
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
            if folder != path.parent:  # that one is the home, which is ours
                print(f"{folder} may now be passed through by others: PostgreSQL runs as {user.pw_name}", flush=True)


def _remove_stale_pid_file(data: Path) -> None:
    """After a power cut the number in it may belong to another program, and the server would refuse to start."""
    path = data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, IndexError):
        pid = int(path.read_text().splitlines()[0])
        try:
            alive = psutil.Process(pid).name() == "postgres"
        except psutil.NoSuchProcess:
            alive = False
        if not alive:
            path.unlink()
