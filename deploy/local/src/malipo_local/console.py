"""What all commands have: the option that names the stack, what they print, and how they fail: in words, with an exit code."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from malipo_local.errors import StackError
from malipo_local.hints import USUAL_HOME, make

if TYPE_CHECKING:
    from rich.console import Console

HomeOption = Annotated[Path, typer.Option("--home", envvar="MALIPO_HOME", help="Folder of this stack's state.")]


@cache
def out() -> "Console":
    """Where results go."""
    return _console(stderr=False)


@cache
def err() -> "Console":
    """Where errors and hints go."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console  # here, for it takes longer than what a short command has to do

    return Console(stderr=stderr, highlight=False)


class explained:  # noqa: N801 (reads as a statement: with explained())
    """Turn an expected failure into a message and an exit code."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        match error:
            case StackError() | ConnectionError():
                fail(str(error))
            case TimeoutError():
                fail(f"The supervisor does not answer. Stop it all with: {make('down', home=USUAL_HOME)}")
            case OSError():  # in the system's words, e.g. that a disk is full
                fail(f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror))
            case _:
                pass


def fail(message: str) -> NoReturn:
    """Print the message as an error, and end the command with 1."""
    err().print(message, style="red", markup=False, soft_wrap=True)
    raise typer.Exit(1)
