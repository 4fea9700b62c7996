"""The few pieces of Markdown that generated pages are made of."""

import inspect
import json
from collections.abc import Iterable, Sequence


def document(title: str, source: str, *parts: str) -> str:
    """A page: a note what it is generated from, its title, and its parts with an empty line between them."""
    note = f"<!-- Generated from {source}: change that, then run `make docs`. -->"
    return "\n\n".join([note, f"# {title}", *parts]) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a pipe in a cell is escaped."""
    lines = [_line(header), _line(["---"] * len(header)), *(_line(row) for row in rows)]
    return "\n".join(lines)


def prose(thing: object) -> str:
    """The docstring as one paragraph a blank line."""
    paragraphs = (inspect.getdoc(thing) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def first_sentences(thing: object) -> str:
    """The docstring's first paragraph: what the thing is for; what follows is for those who write the code."""
    return prose(thing).partition("\n\n")[0]


def as_json(value: object) -> str:
    """JSON for people to read and for git to compare."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
