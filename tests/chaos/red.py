"""A red crossing in words: what broke there, and the command that crashes it once more."""

import re
import shlex

from chaos.matrix import Result


def told(result: Result) -> str:
    """Operation, crossing, and which promises were broken, in one line."""
    why = "; ".join(result.broken) or "was not reached"
    return f"{result.cell.operation.name}: {result.cell.crossing}: {why}"


def repeat(result: Result, *, replicas: bool) -> str:
    """The command that records the operation anew and crashes this crossing alone; with `replicas`, of two, too."""
    options = ["--operation", result.cell.operation.name, "--crossing", str(result.cell.crossing)]
    return command(*options, *(["--replicas"] if replicas else []))


def command(*words: str) -> str:
    """`make crash-matrix` with these options and values, fit to be pasted into a shell."""
    given = " ".join(word if word.startswith("--") else _quoted(word) for word in words)
    return f"make crash-matrix ARGS={shlex.quote(given.replace('$', '$$'))}"  # make takes $$ for $


def _quoted(text: str) -> str:
    """For the shell that make starts; double, so that the whole can stand in single ones."""
    return '"' + re.sub(r'(["\\$`])', r"\\\1", text) + '"'
