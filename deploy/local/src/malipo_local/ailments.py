"""What is wrong with the processes of a stack, in a line each, with the command that helps."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx

from malipo_local.hints import make
from malipo_local.ports import HOST
from malipo_local.status import UnitStatus

_PATIENCE_SECONDS = 2.0


def ailments(units: Iterable[UnitStatus], home: Path) -> Iterator[str]:
    """What is down, and what services report on their health pages."""
    for unit in units:
        if unit.state == "stopped":
            yield f"{unit.name} is down. Start it with: {make('start', unit.service, home=home)}"
        elif unit.admin_port:
            for check, problem in _problems(unit.admin_port).items():
                yield f"{unit.name}, {check}: {problem}. See: {make('logs', unit.service, home=home)}"


def _problems(port: int) -> dict[str, str]:
    try:
        return httpx.get(f"http://{HOST}:{port}/health/ready", timeout=_PATIENCE_SECONDS).json()["problems"]
    except (httpx.HTTPError, ValueError, KeyError):
        return {"health": "its health page does not answer"}
