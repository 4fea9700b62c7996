"""Another checkout of this repository, whose services are measured by the benchmark of this one."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.stages import Say

ROOT = Path(__file__).parents[2]
_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VIRTUAL_ENV", "PYTHONPATH")
"""What a `make` within a `make`, and a Python within a Python, would take from this one."""


class CheckoutError(Exception):
    """There is no such checkout, or it cannot be used; the message says what to do."""


def python_of(checkout: Path) -> Path:
    """The Python in which a checkout's packages are installed. Raises `CheckoutError` where there is none."""
    python = checkout / ".venv/bin/python"
    if not (checkout / "services").is_dir():
        message = f"{checkout} is no checkout of Malipo: it has no folder `services`."
        raise CheckoutError(message)
    if not python.exists():
        message = f"{checkout} has no .venv: run `make setup` in it."
        raise CheckoutError(message)
    return python


def described(checkout: Path) -> str:
    """The commit that a checkout has, and whether anything differs from it."""
    commit = _git(checkout, "rev-parse", "--short=8", "HEAD")
    changed = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}, changed" if changed else commit


@contextmanager
def checkout_of(revision: str, say: Say) -> Generator[Path]:
    """A checkout of a revision, set up, which is removed with the block. Raises `CheckoutError`."""
    try:
        _git(ROOT, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    except CheckoutError as error:
        message = f"there is no commit '{revision}' here: give one that `git log` shows."
        raise CheckoutError(message) from error
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "checkout"
        _git(ROOT, "worktree", "add", "--detach", str(checkout), revision)
        try:
            say(f"setting up {described(checkout)} in {checkout}")
            environment = {name: value for name, value in os.environ.items() if name not in _OF_MAKE}
            _done(["make", "-C", str(checkout), "setup"], environment)
            yield checkout
        finally:
            _git(ROOT, "worktree", "remove", "--force", str(checkout))


def _git(checkout: Path, *arguments: str) -> str:
    return _done(["git", "-C", str(checkout), *arguments]).strip()


def _done(command: list[str], environment: dict[str, str] | None = None) -> str:
    """What a command prints. Raises `CheckoutError` with what it complained of.

    Interrupted, it takes along all that the command has started: that would write on into a folder that is being removed.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            said, complained = process.communicate()
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.communicate()  # until all of them have let go of it
            raise
    if process.returncode:
        message = f"`{' '.join(command)}` failed: {(complained or said).strip()[-2000:]}"
        raise CheckoutError(message)
    return said
