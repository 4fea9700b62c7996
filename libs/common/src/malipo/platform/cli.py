"""The command line that every service has: `serve`, `migrate`, `settings`."""

from collections.abc import Callable

import typer
from starlette.types import ASGIApp

from malipo.platform import logs, migrations, settings, tracing
from malipo.platform.server import serve as run_server
from malipo.platform.settings import ServiceSettings


def service_cli[S: ServiceSettings](name: str, settings_type: type[S], build: Callable[[S], ASGIApp]) -> typer.Typer:
    """The commands of service `name`; `build` makes its application from its settings."""
    cli = typer.Typer(help=f"Malipo's {name}.", no_args_is_help=True, pretty_exceptions_enable=False)

    @cli.command()
    def serve() -> None:
        """Run the service until SIGTERM."""
        loaded = settings.load(settings_type)
        logs.setup(name, loaded.log_level)
        tracing.setup(
            name,
            loaded.instance,
            endpoint=loaded.otel_exporter_otlp_endpoint,
            ratio=loaded.trace_ratio,
        )
        run_server(build(loaded), loaded)

    @cli.command()
    def migrate() -> None:
        """Bring the service's database to the newest schema."""
        loaded = settings.load(settings_type)
        migrations.migrate(name.replace("-", "_"), loaded.database_url.get_secret_value())

    @cli.command(name="settings")
    def show_settings() -> None:
        """List the settings with their defaults."""
        for field, info in settings_type.model_fields.items():
            default = "required" if info.is_required() else f"default {info.default}"
            typer.echo(f"{field.upper():32} {default:24} {info.description}")

    return cli
