"""A page of docs/operations whose commands are executed: its blocks marked `sh`, a section at a time, by one shell.

A block marked `text` behind one is what that prints, with `...` for what differs.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from malipo_local import Stack, operator_shell
from operations.alerts import FOLLOWED

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs/operations"
_BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_SECONDS = 900
_END = "--- end of a block ---"


class CommandFailed(AssertionError):
    """A command of a page did not end well."""


@dataclass(frozen=True)
class Block:
    """Commands, and what they print if the page says so."""

    commands: str
    printed: str | None = None

    def is_printed(self, output: str) -> bool:
        """Whether the output is as the page says; `...` stands for anything within a line."""
        if self.printed is None:
            return True
        said, came = self.printed.strip().splitlines(), output.strip().splitlines()
        return len(said) == len(came) and all(map(_fits, came, said))


def _fits(line: str, said: str) -> bool:
    pattern = re.sub(r"([\[\]*?])", r"[\1]", said.rstrip()).replace("...", "*")
    return fnmatchcase(line.rstrip(), pattern)


def sections(page: str) -> dict[str, list[Block]]:
    """The executable blocks of each section of a page that has any."""
    text = (GUIDES / page).read_text("utf-8")
    _, *parts = _HEADING.split(text)
    found = {heading: list(_blocks(body)) for heading, body in zip(parts[::2], parts[1::2], strict=True)}
    return {heading: blocks for heading, blocks in found.items() if blocks}


def _blocks(text: str) -> Iterator[Block]:
    blocks = list(_BLOCK.finditer(text))
    for number, block in enumerate(blocks):
        if block[1] == "sh":
            after = blocks[number + 1] if number + 1 < len(blocks) else None
            follows = after and after[1] == "text" and not text[block.end() : after.start()].strip()
            yield Block(block[2], after[2] if after and follows else None)


def run(stack: Stack, page: str, section: str, **variables: str) -> str:
    """Execute a section of a page on this stack; returns all that it printed.

    Fails with the commands and what they printed where one does not end well, or prints something else than the page says.
    """
    blocks = sections(page)[section]
    script = "\n".join(["set -euo pipefail", *(f"{one.commands}\necho '{_END}'" for one in blocks)])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=_environment(stack) | variables,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    printed = done.stdout.split(f"{_END}\n")
    shown = f"{page}, {section}:\n{done.stdout}\n{done.stderr}"
    if done.returncode:
        raise CommandFailed(shown)
    for block, output in zip(blocks, printed, strict=False):
        assert block.is_printed(output), f"{shown}\nnot as the page says:\n{block.printed}"
    return done.stdout.replace(f"{_END}\n", "")


def follow(stack: Stack, alert: str, **variables: str) -> str:
    """Execute what an alert's page says to do; returns what it printed."""
    printed = run(stack, f"runbooks/{alert}.md", "What to do", **variables)
    FOLLOWED.add(alert)
    return printed


def _environment(stack: Stack) -> dict[str, str]:
    """What whoever follows a page has set, as `make env ARGS=--operator` prints it, and neither a PostgreSQL of ours nor what `make runbooks` was told."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG") and name != "ARGS"}
    return {**inherited, **operator_shell.environment(stack), "MAKEFLAGS": "-s"}
