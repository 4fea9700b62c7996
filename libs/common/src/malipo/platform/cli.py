"""The command line that every service has: `serve`, `migrate`, `retention`, `settings`."""

import gc
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, cast

import typer
from typer.core import TyperGroup
from typer.main import get_command

from malipo.platform import logs, settings, tracing
from malipo.platform.application import Application
from malipo.platform.database_settings import DatabaseSettings
from malipo.platform.environment import FILE_SUFFIX, is_secret
from malipo.platform.settings import HttpSettings, ServiceSettings

MAKE_TARGET = "MALIPO_MAKE_TARGET"
"""Names the target of the Makefile that a person typed to run an operator's command: usage is shown for it."""

_OF_EVERY_SERVICE = {"serve", "migrate", "retention", "settings"}
_Archive = Annotated[
    Path | None,
    typer.Option(
        "--archive",
        metavar="DIR",
        exists=True,
        file_okay=False,
        writable=True,
        help="Write there what is dropped, before it is.",
    ),
]
_Restore = Annotated[
    Path | None, typer.Option("--restore", metavar="FILE", exists=True, help="Only put an archived month back.")
]
_Show = Annotated[bool, typer.Option("--sizes", help="Only list the months, with their rows and bytes.")]

type Build[S: ServiceSettings] = Callable[[S], Application]


def service_cli[S: ServiceSettings](name: str, settings_type: type[S]) -> typer.Typer:
    """The commands of service `name`, whose application `<package>.main.build` makes from its settings.

    What a command does not need it does not import: most of a short command's time is Python reading libraries.
    """
    package = name.replace("-", "_")
    cli = typer.Typer(
        help=f"Malipo's {name}.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # to read rich takes as long as the command
    )
    hidden = MAKE_TARGET in os.environ  # what the local stack does by itself

    @cli.command(hidden=hidden)
    def serve() -> None:
        """Run the service until SIGTERM."""
        _serve(name, package, settings_type)

    @cli.command(hidden=hidden)
    def migrate() -> None:
        """Bring the service's database to the newest schema; needs no setting but its URL, with the role that owns it."""
        _migrate(package)

    @cli.command(hidden=hidden)
    def retention(archive: _Archive = None, restore: _Restore = None, sizes: _Show = False) -> None:
        """Make the months ahead of tables that are kept by month, and drop those that are kept long enough; as the role that owns them.

        A cron job runs it, once a day or a month. Exit code 1: something that should be gone is still needed, or could not go.
        """
        from malipo.platform import retention_command

        retention_command.run(name, package, archive=archive, restore=restore, show=sizes)

    @cli.command(name="settings", hidden=hidden)
    def show_settings() -> None:
        """List the settings with their defaults."""
        _show_settings(settings_type)

    return cli


def run_one(command: Callable[..., None]) -> None:
    """Run a program that is this one command, whose docstring says what it does. Its answer is all that is printed."""
    logs.quiet_libraries()
    cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    cli.command()(command)
    cli()


def is_for_operators() -> bool:
    """Whether this process needs the commands that its service has for operators, which every service's own do without.

    To read all that they need takes as long again as a migration.
    """
    return MAKE_TARGET in os.environ or not _OF_EVERY_SERVICE.intersection(sys.argv[1:2])


def _serve[S: ServiceSettings](name: str, package: str, settings_type: type[S]) -> None:
    gc.disable()  # until it is served: to look for garbage among imports is an eighth of a start, and finds hardly any
    from http_limits import limits, server

    loaded = settings.load(settings_type)
    logs.setup(name, loaded.log_level)
    tracing.setup(
        name,
        loaded.instance,
        endpoint=loaded.otel_exporter_otlp_endpoint,
        ratio=loaded.trace_ratio,
    )
    build = cast("Build[S]", importlib.import_module(f"{package}.main").build)
    application = build(loaded)
    if loaded.failpoints:
        _install_failpoints(loaded.failpoints, name)
    admin = server.Port(application.admin, loaded.admin_host, loaded.admin_port, limits.ADMIN, settings="ADMIN")
    if not isinstance(loaded, HttpSettings):
        return server.serve(application.running, admin=admin)
    assert application.public is not None, "whose settings have a public port serves something there"
    public = server.Port(application.public, loaded.http_host, loaded.http_port, loaded.limits, settings="HTTP")
    server.serve(
        application.running,
        admin=admin,
        public=public,
        stop_seconds=loaded.stop_seconds,
        drain_seconds=loaded.http_drain_seconds,
    )


def _migrate(package: str) -> None:
    from malipo.platform import migrations

    url = settings.load(DatabaseSettings).database_url.get_secret_value()
    try:
        typer.echo(migrations.migrate(package, url, lambda why: typer.echo(f"not migrated yet: {why}", err=True)))
    except migrations.NotMigrated as why:
        sys.exit(f"not migrated: {why}")


def _show_settings(settings_type: type[ServiceSettings]) -> None:
    for field, info in settings_type.model_fields.items():
        default = "required" if info.is_required() else f"default {info.default}"
        name = field.upper()
        file = f" Or in the file that {name}{FILE_SUFFIX} names." if is_secret(info) else ""
        typer.echo(f"{name:32} {default:24} {info.description}{file}")


def _install_failpoints(folder: Path, name: str) -> None:
    """By name, for what is deployed has no test kit: there the setting stops the service."""
    try:
        failpoints = importlib.import_module("testkit.failpoints")
    except ModuleNotFoundError:
        sys.exit("setting FAILPOINTS: must be unset where malipo-testkit is not installed")
    failpoints.install(folder, name)


def run(cli: typer.Typer) -> None:
    """Run the command line. From make it is its target: the command of that name, or all that there are."""
    group = get_command(cli)
    target = os.environ.get(MAKE_TARGET)
    if target is None:
        group()
        return
    assert isinstance(group, TyperGroup)
    group.commands.get(target, group)(prog_name=f"make {target} ARGS=...")
