"""Lets `python -m malipo_simulators` start any simulator."""

from malipo_simulators.cli import cli

if __name__ == "__main__":
    cli()
