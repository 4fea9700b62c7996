"""The commands that messages suggest, ready to be pasted."""

import os
import shlex
from pathlib import Path

USUAL_HOME = Path(".malipo")


def make(command: str, *arguments: str, home: Path) -> str:
    """E.g. `make logs ARGS=kafka`; with `--home` where the stack is not in the usual place."""
    elsewhere = () if home.absolute() == USUAL_HOME.absolute() else ("--home", os.fspath(home.absolute()))
    given = shlex.join((*arguments, *elsewhere))
    return f"make {command} ARGS={shlex.quote(given)}" if given else f"make {command}"
