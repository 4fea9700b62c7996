"""The command line: up, down, status, logs, stop, start, restart, env, the services' commands for operators, demo."""

import math
import re
import shlex
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.main import get_command

from malipo.contracts.permissions import OPERATOR
from malipo_local import operator_shell, prometheus
from malipo_local.console import HomeOption, err, explained, fail, out
from malipo_local.errors import StackError
from malipo_local.follow import follow, last_lines
from malipo_local.handed_on import commands
from malipo_local.hints import USUAL_HOME, make
from malipo_local.home import Home, cache_folder
from malipo_local.kafka_cache import KafkaCache
from malipo_local.options import read_replicas, read_settings
from malipo_local.plan import Plan
from malipo_local.signals import stop_on_signals
from malipo_local.stack import Stack
from malipo_local.waiting import until

app = typer.Typer(
    help="The whole system on this machine without Docker.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_READY_SECONDS = 90.0
_PASSWORD = re.compile(r"(://[^:@/]*):[^@/]*@")
_SecureOption = Annotated[
    bool, typer.Option("--secure", help="Stores with TLS and passwords, as in production; they take no plain text.")
]
_DEMO_SETTINGS = {
    "webhook-dispatcher": {"RETRY_SCHEDULE_SECONDS": "1,2,4,8,15,30"},
    "provider-mpesa": {"MPESA_STATEMENT_SECONDS": "3"},
}


@app.command()
def up(
    *,
    home: HomeOption = USUAL_HOME,
    only: Annotated[str, typer.Option(help="Start just these, by commas, and what they need.")] = "",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="SERVICE.NAME=VALUE, an environment variable of a service.")
    ] = None,
    replicas: Annotated[list[str] | None, typer.Option(help="SERVICE=NUMBER of processes.")] = None,
    secure: _SecureOption = False,
    observe: Annotated[
        bool, typer.Option("--observe", help="Prometheus beside it, with metrics of every service and the alerts.")
    ] = False,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay attached; Ctrl-C stops it all.")] = False,
) -> None:
    """Start everything and return when it is ready."""
    with explained():
        chosen = [name.strip() for name in only.split(",") if name.strip()] or None
        from malipo_local.progress import Board

        board = Board(out())
        stack = Stack(
            home,
            only=chosen,
            settings=read_settings(settings or []),
            replicas=read_replicas(replicas or []),
            keep=True,
            secure=secure,
            observe=observe,
            progress=board.show,
        )
        if stack.home.is_held():
            _say_already_up(Stack.attach(home), stack.plan, foreground=foreground)
            return
        stop_on_signals()
        _say_what_is_downloaded()
        if observe and not prometheus.is_there():
            out().print("Once: building Prometheus from its Go module. Some minutes ...")
        try:
            with board:
                stack.start(detach=not foreground)
        except KeyboardInterrupt:
            fail("Stopped before everything was ready.")
        _say_where(stack)
        if foreground:
            _stay(stack)


@app.command()
def down(
    *,
    home: HomeOption = USUAL_HOME,
    purge: Annotated[bool, typer.Option("--purge", help="Remove the data too, but no packages and downloads.")] = False,
) -> None:
    """Stop everything; the data stays unless purged."""
    with explained():
        was_up = Home(home).is_held()
        from malipo_local.progress import said

        with said(out(), "stopping") if was_up else nullcontext():
            Stack(home, keep=True).end(purge=purge)
        out().print("Stopped." if was_up else f"Nothing is up in {home}.")
        if purge:
            out().print(
                f"Removed {home}. Packages (.venv, .tools) and downloads ({cache_folder()}, uv's cache) stay.",
                soft_wrap=True,
            )


@app.command()
def status(*, home: HomeOption = USUAL_HOME) -> None:
    """Show every process; those that should be ready are probed."""
    with explained():
        from rich.table import Table

        from malipo_local.ailments import ailments

        table = Table("name", "state", "pid", "port", "admin port", "restarts", "RSS MB")
        units = Stack.attach(home).status(memory=True, anew=True)
        for unit in units:
            memory = f"{unit.memory_mb:.0f}" if unit.pid else ""
            cells = (unit.state, unit.pid or "", unit.port or "", unit.admin_port or "", unit.restarts or "", memory)
            table.add_row(unit.name, *map(str, cells))
        out().print(table)
        for line in ailments(units, home):
            out().print(line, markup=False, soft_wrap=True)


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help="One process; all of them when left out.")] = "",
    *,
    home: HomeOption = USUAL_HOME,
    follow_on: Annotated[bool, typer.Option("--follow", "-f", help="Show what comes next, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many to begin with, of each process.")] = 20,
) -> None:
    """Show what the processes wrote; works after a stack has stopped, too."""
    with explained():
        files = _log_files(Home(home), service)
        for name, line in last_lines(files, lines):
            _print_line(name, line, alone=bool(service))
        _say_what_is_left_out(Home(home), service, lines)
        if follow_on:
            try:
                for name, line in follow(files):
                    _print_line(name, line, alone=bool(service))
            except KeyboardInterrupt:
                return


@app.command()
def stop(service: str, *, home: HomeOption = USUAL_HOME) -> None:
    """Stop a service until it is started again."""
    with explained():
        from malipo_local.progress import said

        stack = Stack.attach(home)
        stack.require(service)
        with said(out(), f"stopping {service}"):
            stack.stop_service(service)
        out().print(f"{service} is down. Start it with: {make('start', service, home=home)}", soft_wrap=True)


@app.command()
def start(
    service: str,
    *,
    home: HomeOption = USUAL_HOME,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE, told to it from now on until the stack is stopped.")
    ] = None,
) -> None:
    """Start a service that was stopped, and wait until it is ready."""
    with explained():
        from malipo_local.progress import said

        stack = Stack.attach(home)
        stack.require(service)
        told = read_settings([f"{service}.{one}" for one in settings or ()]).get(service)
        with said(out(), f"starting {service}"):
            stack.start_service(service, told)
            stack.wait_ready(service, timeout=_READY_SECONDS)
        out().print(f"{service} is ready.")


@app.command()
def restart(service: str, *, home: HomeOption = USUAL_HOME) -> None:
    """Restart a service and wait until it is ready."""
    with explained():
        from malipo_local.progress import said

        stack = Stack.attach(home)
        stack.require(service)
        began = time.monotonic()
        with said(out(), f"restarting {service}"):
            stack.restart_service(service)
            stack.wait_ready(service, timeout=_READY_SECONDS)
        out().print(f"{service} is ready again after {time.monotonic() - began:.1f} s.")


@app.command()
def env(
    *,
    home: HomeOption = USUAL_HOME,
    user: Annotated[
        str, typer.Option("--as", help="Whom a secure Kafka takes you for: a service, or a consumer of your own.")
    ] = OPERATOR,
    operator: Annotated[
        bool,
        typer.Option("--operator", help="Also what docs/operations needs: programs, administrators' ways in, folders."),
    ] = False,
) -> None:
    """Print the addresses as export lines, for `eval "$(make -s env)"`."""
    with explained():
        stack = Stack.attach(home)
        for name, value in (operator_shell.environment(stack) if operator else stack.env(user)).items():
            print(f"export {name}={shlex.quote(value)}")  # not through rich, which wraps long lines


app.add_typer(commands)


@app.command()
def demo(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="End after the tour; exit 1 unless all was as expected.")
    ] = False,
    secure: _SecureOption = False,
) -> None:
    """Play a tour of payments on a system of its own, then stay up for yours; leaves no process and no data behind."""
    from malipo_local.demo.run import play
    from malipo_local.progress import Board

    began = time.monotonic()
    stop_on_signals()
    board = Board(out())
    stack = Stack(progress=board.show, settings=_DEMO_SETTINGS, secure=secure)
    with explained():
        _say_what_is_downloaded()
        try:
            with board:
                stack.start(detach=False)
            held = play(out(), stack, began=began, once=once)
        except KeyboardInterrupt:
            out().print("Stopping.")
            held = True
        finally:
            stack.end()
    raise typer.Exit(not held)


def run() -> None:
    """Run the command line under the name that a person typed: `make`, its target, and what it passes on."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    named = group.commands.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if named is None:
        group(prog_name="make")
    else:
        named(sys.argv[2:], prog_name=f"make {sys.argv[1]} ARGS=...")


def _say_what_is_downloaded() -> None:
    if not KafkaCache.current().complete.exists():
        out().print("Once: downloading Apache Kafka (45 MB), and running it for the first time. A minute or so ...")


def _stay(stack: Stack) -> None:
    out().print("Ctrl-C stops it all.")
    try:
        until(lambda: not stack.home.is_held(), math.inf, poll_seconds=0.5)
    except KeyboardInterrupt:
        out().print("Stopping.")
    finally:
        stack.end()


def _say_already_up(stack: Stack, requested: Plan, *, foreground: bool) -> None:
    down = make("down", home=stack.home.folder)
    if foreground or not stack.plan.has(requested):
        _say_where(stack)
        fail(f"Already up in {stack.home.folder}, but not with these options: they need `{down}` first.")
    out().print(f"Already up in {stack.home.folder}; other options need `{down}` first.", markup=False, soft_wrap=True)
    if lacking := stack.plan.lacks():
        out().print(f"It lacks {', '.join(lacking)}. {stack.add_by()}", markup=False, soft_wrap=True)
    _say_where(stack)


def _say_where(stack: Stack) -> None:
    addresses = stack.env()
    for name, value in addresses.items():
        out().print(f"  {name:32} {_without_password(name, value)}", markup=False, soft_wrap=True)
    if "GATEWAY_URL" in addresses:
        out().print('Make a first payment: see "Your first payment" in README.md')
    out().print(f"Stop it with: {make('down', home=stack.home.folder)}", markup=False, soft_wrap=True)


def _without_password(name: str, value: str) -> str:
    """For a screen that others may see; `make env` has the passwords."""
    return "***" if name.endswith("PASSWORD") else _PASSWORD.sub(r"\1:***@", value)


def _log_files(home: Home, service: str) -> dict[str, Path]:
    files = {path.stem: path for path in sorted(home.logs.glob("*.log"))}
    if not files:
        message = f"There are no logs in {home.logs}. Start a stack with: {make('up', home=home.folder)}"
        raise StackError(message)
    if not service:
        return files
    chosen = {name: path for name, path in files.items() if name == service or _is_replica(name, service)}
    if not chosen:
        message = f"There is no log of '{service}' in {home.logs}. Choose from: {', '.join(files)}."
        raise StackError(message)
    return chosen


def _is_replica(name: str, service: str) -> bool:
    return name.startswith(f"{service}-") and name.removeprefix(f"{service}-").isdigit()


def _say_what_is_left_out(home: Home, service: str, lines: int) -> None:
    more = make("logs", *([service] if service else []), "--lines", str(50 * lines), home=home.folder)
    hint = f"These are the last {lines} lines of {service or 'each process'}; more: {more}; the whole: {home.logs}"
    err().print(hint, style="dim", markup=False, soft_wrap=True)


def _print_line(name: str, line: str, *, alone: bool) -> None:
    print(line if alone else f"{name:20} | {line}", flush=True)
