"""Commands that a service has for its operators, run on this stack."""

import importlib.util
import os
import runpy
import sys
from pathlib import Path
from typing import Annotated

import typer

from malipo.contracts.providers import PROVIDERS
from malipo_local.console import HomeOption, explained, fail
from malipo_local.hints import USUAL_HOME, make
from malipo_local.services import MIGRATES, SERVICES, Kind
from malipo_local.stack import Stack
from malipo_local.variables import inherited

commands = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
_MISUSED = 2
_HANDED_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": list[str]()}


@commands.command(context_settings=_HANDED_ON)
def operator(context: typer.Context, *, home: HomeOption = USUAL_HOME) -> None:
    """Run the gateway's operator commands on this stack, e.g. `operator merchant create corner-shop`."""
    _become(home, "gateway", "gateway", "operator", *context.args)


@commands.command(context_settings=_HANDED_ON)
def resend(context: typer.Context, *, home: HomeOption = USUAL_HOME) -> None:
    """Have the orchestrator resend what another service lost, e.g. `resend payment pay_...`."""
    _become(home, "orchestrator", "orchestrator", "resend", *context.args)


@commands.command(context_settings=_HANDED_ON)
def decide(context: typer.Context, *, home: HomeOption = USUAL_HOME) -> None:
    """Decide how a payment or an operation ended that no report ends, e.g. `decide pay_... --as failed --because ...`."""
    _become(home, "orchestrator", "orchestrator", "decide", *context.args)


@commands.command(context_settings=_HANDED_ON)
def suspense(context: typer.Context, *, home: HomeOption = USUAL_HOME) -> None:
    """List money that no payment explains, assign it to one, or settle it without one: `suspense list`."""
    _become(home, "orchestrator", "orchestrator", "suspense", *context.args)


@commands.command(context_settings=_HANDED_ON)
def unmatched(
    context: typer.Context,
    *,
    provider: Annotated[str, typer.Option(help="What this one reported, not what all of them did.")] = "",
    home: HomeOption = USUAL_HOME,
) -> None:
    """List what providers reported that matches no operation of ours: `unmatched --provider stripe --all`."""
    if provider and provider not in PROVIDERS:
        fail(f"There is no provider '{provider}'. Choose from: {', '.join(PROVIDERS)}.")
    for name in (provider,) if provider else tuple(PROVIDERS):
        _become_for_a_while(home, f"provider-{name}", f"provider_{name}", "unmatched", *context.args)


@commands.command(context_settings=_HANDED_ON)
def register(
    context: typer.Context,
    *,
    provider: Annotated[str, typer.Option(help="Where to register; with --help, how.")] = "",
    home: HomeOption = USUAL_HOME,
) -> None:
    """Register an account at its provider, where that is needed: `register --provider mpesa --credential cred_...`."""
    if not provider and "--help" in context.args:
        typer.echo(context.get_help())
        return
    if provider not in PROVIDERS:
        fail(f"There is no provider '{provider}'. Choose from: {', '.join(PROVIDERS)}.")
    module = f"provider_{provider}"
    if importlib.util.find_spec(f"{module}.registrar") is None:  # which services that register accounts have
        fail(f"{PROVIDERS[provider].title} has nothing to register here.")
    _become(home, f"provider-{provider}", module, "register", *context.args)


@commands.command(context_settings=_HANDED_ON)
def retention(
    context: typer.Context,
    *,
    service: Annotated[str, typer.Option(help="The months of this one, not of all.")] = "",
    home: HomeOption = USUAL_HOME,
) -> None:
    """Make the months ahead, and end those that are kept long enough: `retention --service gateway --sizes`."""
    known = {row.name: row.module for row in SERVICES if row.kind is Kind.SERVICE}
    if service and service not in known:
        fail(f"There is no service '{service}'. Choose from: {', '.join(known)}.")
    done = True
    for name in (service,) if service else known:
        typer.echo(f"{name}:")
        try:
            _become_for_a_while(home, f"{MIGRATES}{name}", known[name], "retention", *context.args)
        except SystemExit as end:
            if end.code == _MISUSED:
                raise
            if isinstance(end.code, str):
                typer.echo(end.code, err=True)
            done = False  # a month of this one has to stay, which is nothing to the others
    if not done:
        raise typer.Exit(1)


@commands.command("step-over")
def step_over(group: str, topic: str, partition: int, offset: int, *, home: HomeOption = USUAL_HOME) -> None:
    """Have a consumer group skip a record that it cannot read; its service's log and health page say where."""
    service = group.partition(".")[0]
    _become(home, service, "malipo.messaging.step_over", "step-over", group, topic, str(partition), str(offset))


@commands.command()
def rewind(
    group: str,
    topic: str,
    *,
    to: Annotated[str, typer.Option(help="From when on, UTC: 2026-11-29T09:50:00Z.")],
    home: HomeOption = USUAL_HOME,
) -> None:
    """Have a consumer group read a topic again, whose service's database was restored to an earlier moment; it must be stopped."""
    _become(home, group.partition(".")[0], "malipo.messaging.rewind", "rewind", group, topic, "--to", to)


@commands.command(context_settings=_HANDED_ON)
def redrive(context: typer.Context, *, home: HomeOption = USUAL_HOME) -> None:
    """Send a topic's dead letters again, once their cause is mended, or list them: `redrive payments.commands.v1 --list`."""
    with explained():
        environment = Stack.attach(home).env()
    os.environ.clear()
    os.environ.update({"ENVIRONMENT": "local", **inherited(), **environment}, MALIPO_MAKE_TARGET="redrive")
    sys.argv[1:] = context.args
    runpy.run_module("malipo.messaging.redrive", run_name="__main__", alter_sys=True)


def _become_for_a_while(home: Path, service: str, module: str, target: str, *arguments: str) -> None:
    """`_become` one of several: it ends as every command does, and then it is the next one's turn, unless it failed."""
    try:
        _become(home, service, module, target, *arguments)
    except SystemExit as end:
        if end.code:
            raise


def _become(home: Path, service: str, module: str, target: str, *arguments: str) -> None:
    """Run a module as a service of the stack would, in this process: to start another one takes as long as the command."""
    with explained():
        stack = Stack.attach(home)
        if stack.pid("postgres") is None:
            fail(f"postgres is down. Start it with: {make('start', 'postgres', home=home)}")
        environment = stack.service_env(service)
    os.environ.clear()  # what the shell has set is no setting of the service
    os.environ.update(environment, MALIPO_MAKE_TARGET=target)
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)
