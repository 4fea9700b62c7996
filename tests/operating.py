"""The services' operator command lines within the tests' own process.

A process of its own reads Python's libraries for seconds, for each story's merchant.
"""

import importlib

from typer.testing import CliRunner

from malipo_local import Stack


def run_command(stack: Stack, service: str, *arguments: str) -> str:
    """Run a command of one of the stack's services; returns what it prints. Raises `RuntimeError` if it fails."""
    cli = importlib.import_module(f"{service.replace('-', '_')}.__main__").cli
    done = CliRunner().invoke(cli, arguments, env=stack.service_env(service), catch_exceptions=False)
    if done.exit_code:
        raise RuntimeError(done.output)
    return done.stdout
