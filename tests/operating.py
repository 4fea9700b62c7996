"""The services' operator command lines within the tests' own process.

A process of its own reads Python's libraries for seconds, for each story's merchant.
"""

import importlib
import json
from typing import Any

from typer.testing import CliRunner

from malipo_local import Stack


def operate(stack: Stack, *arguments: str) -> Any:
    """Run the gateway's command; returns what it prints as JSON."""
    return json.loads(run_command(stack, "gateway", *arguments, "--json"))


def run_command(stack: Stack, service: str, *arguments: str) -> str:
    """Run a command of one of the stack's services; returns what it prints."""
    cli = importlib.import_module(f"{service.replace('-', '_')}.__main__").cli
    done = CliRunner().invoke(cli, arguments, env=stack.service_env(service), catch_exceptions=False)
    assert not done.exit_code, done.output
    return done.stdout
