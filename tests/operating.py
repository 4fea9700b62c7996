"""The gateway's operator command line within the tests' own process.

A process of its own reads Python's libraries for seconds, for each story's merchant.
"""

import json
from typing import Any

from typer.testing import CliRunner

from gateway.__main__ import cli
from malipo_local import Stack


def operate(stack: Stack, *arguments: str) -> Any:
    """Run the command on the stack's gateway; returns what it prints as JSON."""
    done = CliRunner().invoke(cli, [*arguments, "--json"], env=stack.service_env("gateway"), catch_exceptions=False)
    assert not done.exit_code, done.output
    return json.loads(done.stdout)
