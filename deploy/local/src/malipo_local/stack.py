"""A stack as Python sees it: start one, look up its addresses, break its parts, and be sure that nothing is left.

`with Stack(only={"postgres", "kafka"}) as stack:` gives two servers until the end of the block.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from malipo.contracts.permissions import OPERATOR
from malipo_local import kafka_security, prometheus, scratch
from malipo_local.control import Response, ask
from malipo_local.errors import StackError
from malipo_local.hints import make
from malipo_local.home import Home
from malipo_local.plan import CONSUMERS, Plan
from malipo_local.ports import Ports
from malipo_local.roles import Roles
from malipo_local.services import uncalled
from malipo_local.site import Site
from malipo_local.status import UnitStatus
from malipo_local.variables import inherited
from malipo_local.waiting import until

_START_SECONDS = 600.0  # a first start downloads Kafka
_STOP_SECONDS = 110.0  # the end of a whole test session on a busy machine was seen to take longer than a minute


# Supervisors that outlive their Stack object: as children of this process they must be kept to be reaped.
_detached: list[subprocess.Popen[bytes]] = []

type Progress = Callable[[list[UnitStatus]], None]


class Stack:
    """A running stack, or the intention to start one.

    As a context manager it belongs to this process: it ends with the block, and also when this process is
    killed. A home that it created is removed then, one that was there before is kept.
    """

    def __init__(
        self,
        home: Path | str | None = None,
        *,
        only: Iterable[str] | None = None,
        settings: Mapping[str, Mapping[str, str]] | None = None,
        replicas: Mapping[str, int] | None = None,
        keep: bool | None = None,
        secure: bool = False,
        observe: bool = False,
        forked: bool = False,
        progress: bool | Progress = False,
    ) -> None:
        """Describe what is wanted; nothing starts yet. Raises StackError for a name that is not in the table.

        `keep` decides whether the home outlives the block, whoever created it. `forked` programs start in a third of the
        processor time: their libraries are imported once for all (`nursery`). It is for tests, which start hundreds.
        """
        folder = Path(home) if home is not None else _temporary_folder()
        fresh = not folder.exists() or not any(folder.iterdir())
        self.home = Home(folder)
        self.plan = Plan(
            only=None if only is None else tuple(sorted(only)),
            settings=settings or {},
            replicas=replicas or {},
            temporary=fresh if keep is None else not keep,
            secure=secure,
            observe=observe,
            forked=forked,
        )
        self._progress: Progress | None = _print_states() if progress is True else progress or None
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._lifeline: int | None = None

    @classmethod
    def attach(cls, home: Path | str) -> "Stack":
        """The stack that is up in this home. Raises StackError when none is."""
        folder = Home(Path(home))
        if not folder.is_held():
            up = make("up", home=folder.folder)
            message = f"No stack is up in {folder.folder} (a demo has one of its own). Start one with: {up}"
            raise StackError(message)
        stack = cls(folder.folder, keep=True)
        stack.plan = Plan.load(folder.plan)
        return stack

    def __enter__(self) -> Self:
        """Start, tied to this process."""
        self.start(detach=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything; remove the home if it is temporary."""
        self.end()

    def start(self, *, detach: bool) -> None:
        """Start the supervisor and return when everything is ready.

        Detached, the stack outlives this process. Raises StackError, with the log of what failed, after
        everything has been stopped again.
        """
        self.home.adopt()
        if self.home.is_held():
            message = f"A stack is already up in {self.home.folder}."
            raise StackError(message)
        if self.plan.observe:
            prometheus.executable()  # here, for to build it takes minutes
        self.home.failure.unlink(missing_ok=True)
        self.home.rotate_logs()
        self.plan.save(self.home.plan)
        self._launch(detach=detach)
        try:
            self._wait_until_up()
        except BaseException:
            self.end()
            raise

    def _launch(self, *, detach: bool) -> None:
        command = [sys.executable, "-m", "malipo_local.supervisor", str(self.home.folder)]
        reading, writing = (None, None) if detach else os.pipe()
        if reading is not None:
            command += ["--owner", str(os.getpid()), "--lifeline", str(reading)]
        with self.home.log("supervisor").open("ab") as log:
            self._supervisor = subprocess.Popen(
                command,
                env=inherited(),  # and so has all that it starts
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=() if reading is None else (reading,),
                start_new_session=True,
            )
        if reading is not None:
            os.close(reading)
        if detach:
            _detached.append(self._supervisor)
        self._lifeline = writing

    def _wait_until_up(self) -> None:
        if not until(self._is_up, _START_SECONDS):
            message = f"The stack was not ready within {_START_SECONDS:.0f} s. Look into {self.home.logs}."
            raise StackError(message)

    def _is_up(self) -> bool:
        if self._supervisor and self._supervisor.poll() is not None:
            raise StackError(self._last_words())
        try:
            answer = self._ask("status")
        except ConnectionError:  # it does not listen yet
            return False
        if self._progress:
            self._progress(_statuses(answer))
        return bool(answer["ready"])

    def _last_words(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return self.home.failure.read_text()
        log = self.home.log("supervisor")
        tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        return f"The supervisor ended before the stack was ready.\n{tail}"

    def end(self, *, purge: bool = False) -> None:
        """Stop everything and wait for it; no error when nothing runs."""
        with contextlib.suppress(ConnectionError):
            self._wait_for_end(self._ask("end", purge=purge)["pid"])
        if self._supervisor:
            self._supervisor.wait(_STOP_SECONDS)
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        _reap()
        if not self.home.is_held():
            self.home.end_leftovers()
            if purge or self.plan.temporary:
                self.home.purge()

    def _wait_for_end(self, pid: int) -> None:
        if self._supervisor:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(_STOP_SECONDS)

    def _ask(self, verb: str, **more: Any) -> Response:
        path = self.home.socket()
        if path is None:
            raise ConnectionError(self.home.folder)
        return ask(path, {"do": verb, **more})

    @property
    def _site(self) -> Site:
        return Site(self.home, self.plan, Ports(self.home.ports))

    def url(self, name: str, index: int = 0) -> str:
        """The base URL of a service or simulator that others call. Raises StackError for one that only operators do."""
        if name in uncalled():
            message = f"Nobody calls {name}: its health and metrics are at its admin_url."
            raise StackError(message)
        return self._site.url(name, index)

    def admin_url(self, name: str, index: int = 0) -> str:
        """Where a service has its health and metrics."""
        return self._site.admin_url(name, index)

    def admin_urls(self, name: str) -> list[str]:
        """The same of all processes of a service."""
        return self._site.admin_urls(name)

    def reserved_url(self, name: str) -> str:
        """The base URL that a service will have, for settings that name it before it is started. Raises StackError."""
        self.home.adopt()
        return self.url(name)

    def urls(self, name: str) -> list[str]:
        """The base URLs of all processes of a service."""
        return self._site.urls(name)

    def database_url(self, service: str) -> str:
        """The URL of a service's own database, for the role that the service has."""
        roles = Roles.of(service)
        return self._site.database_url(roles.database, roles.serves)

    def administrator_url(self, service: str) -> str:
        """The same for the server's administrator, who may do anything."""
        return self._site.database_url(Roles.of(service).database)

    def create_database(self, name: str) -> str:
        """Create a database unless it is there, and return its URL."""
        return str(self._ask("create_database", name=name)["url"])

    @property
    def kafka(self) -> str:
        """The bootstrap address."""
        return self._site.kafka

    def kafka_settings(self, user: str = kafka_security.ADMIN) -> dict[str, str]:
        """What a client of Kafka is told; a user is a service, the operator, a consumer of one's own, or the administrator, who may
        do everything.
        """
        return self._site.kafka_settings(user)

    @property
    def redis_url(self) -> str:
        """The URL of Redis."""
        return self._site.redis_url

    def env(self, user: str = OPERATOR) -> dict[str, str]:
        """Every address of the stack, as environment variables; `user` is whom Kafka is to take the client for.

        Raises StackError for one whom a secure stack's Kafka does not know.
        """
        if self.plan.secure and user not in (known := kafka_security.users(self.plan)):
            message = (
                f"This stack's Kafka knows no '{user}', only {', '.join(known)}. A consumer of your own is named when the stack is "
                f'started: --set \'topics.{CONSUMERS}={{"{user}": ["payments.events.v1"]}}\'.'
            )
            raise StackError(message)
        return self._site.environment(user)

    def require(self, name: str) -> None:
        """Raises StackError for what the table has and this running stack lacks, with what to do."""
        if name in self.plan.lacks():
            message = f"'{name}' is not part of this stack, which was started without it. {self.add_by()}"
            raise StackError(message)

    def add_by(self) -> str:
        """How what is lacking becomes part of it."""
        return f"Stop it with `{make('down', home=self.home.folder)}`, then start it anew: {make('up', home=self.home.folder)}"

    def service_env(self, name: str) -> dict[str, str]:
        """The environment that a service's own commands need, e.g. the gateway's operator command line.

        Raises StackError for one that is not part of this stack.
        """
        rows = {row.name: row for row in self.plan.rows()}
        if name not in rows:
            message = f"There is no '{name}' in this stack. Choose from: {', '.join(rows)}."
            raise StackError(message)
        return {**inherited(), **self._site.settings(rows[name], 0)}

    def status(self, *, memory: bool = False, anew: bool = False) -> list[UnitStatus]:
        """Every process and what it is doing.

        A process is `ready` once it was; with `anew` it is probed, and `not ready` if it does not answer so in time.
        """
        return _statuses(self._ask("status", memory=memory, anew=anew))

    def pid(self, name: str) -> int | None:
        """The process id of a service's first process, None while it is stopped."""
        return self._of(name)[0].pid

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal; the supervisor brings back what dies of it."""
        self._ask("kill", name=name, signal=int(number))

    def stop_service(self, name: str) -> None:
        """Stop one service until `start_service`."""
        self._ask("stop", name=name)

    def start_service(self, name: str, settings: Mapping[str, str] | None = None) -> None:
        """Start a stopped service; see `wait_ready`. `settings` are told to it from now on, beside those that it has."""
        self._ask("start", name=name, settings=self._tell(name, settings))

    def restart_service(self, name: str) -> None:
        """Stop a service and start it again; see `wait_ready`."""
        self._ask("restart", name=name)

    def add_replica(self, service: str, settings: Mapping[str, str] | None = None) -> str:
        """Start one more process of a service, under a name that none has had; returns that name once it is ready. `settings`
        are told to what starts of it from now on.

        Raises StackError.
        """
        return str(self._ask("add", name=service, settings=self._tell(service, settings))["name"])

    def _tell(self, name: str, settings: Mapping[str, str] | None) -> Mapping[str, str]:
        if settings:
            self.plan = self.plan.told(name, settings)
            self.plan.save(self.home.plan)
        return settings or {}

    def remove_replica(self, name: str) -> None:
        """Stop a process for good, as a deploy does; returns when it has ended."""
        self._ask("remove", name=name)

    def pause(self, name: str) -> None:
        """Freeze a service as a hung process would be."""
        self._ask("pause", name=name)

    def resume(self, name: str) -> None:
        """Continue a frozen service."""
        self._ask("resume", name=name)

    def wait_ready(self, name: str, timeout: float = 30.0) -> None:
        """Return when every process of a service is ready. Raises StackError after `timeout` seconds."""
        if not until(lambda: all(unit.state in {"ready", "done"} for unit in self._of(name)), timeout):
            message = f"{name} was not ready within {timeout:.0f} s. Look into {self.log_path(name)}."
            raise StackError(message)

    def rss(self) -> dict[str, float]:
        """The resident memory of each running process, with its children, in MB."""
        return {unit.name: unit.memory_mb for unit in self.status(memory=True) if unit.pid is not None}

    def log_path(self, name: str) -> Path:
        """The log file of a process."""
        return self.home.log(name)

    def _of(self, name: str) -> list[UnitStatus]:
        found = [unit for unit in self.status() if name in {unit.name, unit.service}]
        if not found:
            message = f"There is no '{name}' in this stack. Choose from: {[unit.name for unit in self.status()]}."
            raise StackError(message)
        return found


def _temporary_folder() -> Path:
    return scratch.folder() / f"malipo-{secrets.token_hex(6)}"


def _reap() -> None:
    """Forget detached supervisors that have ended."""
    _detached[:] = [supervisor for supervisor in _detached if supervisor.poll() is None]


def _statuses(answer: Response) -> list[UnitStatus]:
    return [UnitStatus(**unit) for unit in answer["units"]]


def _print_states() -> Progress:
    seen: dict[str, str] = {}

    def report(units: list[UnitStatus]) -> None:
        for unit in units:
            if seen.get(unit.name) != unit.state:
                seen[unit.name] = unit.state
                print(f"{unit.name}: {unit.state}", file=sys.stderr)

    return report
