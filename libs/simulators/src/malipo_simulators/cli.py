"""The command line: one command a simulator, the `run` of each package that has a `command`."""

import pkgutil
from importlib import import_module

import typer

import malipo_simulators

NAMES = tuple(
    package.name
    for package in pkgutil.iter_modules(malipo_simulators.__path__)
    if package.ispkg and package.name != "kit"
)
"""Every simulator, in alphabetical order."""

cli = typer.Typer(
    help="Stand-ins for payment systems, with scripted faults. State lives in memory and ends with the process.",
    no_args_is_help=True,
    add_completion=False,
)
for _name in NAMES:
    cli.command(_name)(import_module(f"malipo_simulators.{_name}.command").run)
