"""A red crossing as text: what broke there, and the command that crashes it once more."""

import re
import shlex

from chaos.matrix import Result


def described(result: Result) -> str:
    """Operation, crossing, and which promises were broken, in one line."""
    why = "; ".join(result.broken) or "was not reached"
    return f"{result.cell.operation.name}: {result.cell.crossing}: {why}"


def repeat(result: Result, *, replicas: bool) -> str:
    """The command that records the operation anew and crashes this crossing alone; `replicas`: of two as well."""
    options = ["--operation", result.cell.operation.name, "--crossing", str(result.cell.crossing)]
    return command(*options, *(["--replicas"] if replicas else []))


def command(*options: str) -> str:
    """`make crash-matrix` with these options and values, ready to be pasted into a shell."""
    given = " ".join(one if one.startswith("--") else _quoted(one) for one in options)
    return f"make crash-matrix ARGS={shlex.quote(given.replace('$', '$$'))}"  # make takes $$ for $


def _quoted(text: str) -> str:
    """For the shell that make starts; double, so that the whole can stand in single ones."""
    return '"' + re.sub(r'(["\\$`])', r"\\\1", text) + '"'
