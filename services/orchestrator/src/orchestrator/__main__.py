"""`python -m orchestrator`."""

from orchestrator.main import cli

cli()
