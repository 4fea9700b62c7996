"""deploy/helm/malipo/README.md: every value of the chart, its default and what it is, from the comments in values.yaml."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pages.markdown import document, table

_INTRO = """\
Malipo in Kubernetes, with Kafka, PostgreSQL and Redis of your own. How to install, upgrade, go back and scale:
[docs/operations/kubernetes.md](../../../docs/operations/kubernetes.md). `values.schema.json` refuses a value that is not here, and templates
refuse values that do not go together, each with what to do."""
_LINE = re.compile(r"(?P<indent> *)(?P<key>[\w./-]+):(?: (?P<value>[^#\n]*?))?(?: *#.*)?$")


class Value(NamedTuple):
    """One value as values.yaml has it."""

    path: str
    default: str
    meaning: str


def page(text: str) -> str:
    """The page's text. Raises `ValueError` for a value that no comment explains."""
    rows = [(f"`{value.path}`", f"`{value.default}`", value.meaning) for value in values(text)]
    return document(
        "Values of the chart", "values.yaml beside", _INTRO, table(("value", "default", "what it is"), rows)
    )


def values(text: str) -> Iterator[Value]:
    """Every value that is no map of further lines, in the order of the file; a nested one by its path."""
    comment: list[str] = []
    above: list[tuple[int, str]] = []
    lines = text.splitlines()
    for line in lines[lines.index("") :]:  # behind what the file says of itself
        if line.lstrip().startswith("#"):
            comment.append(line.lstrip("# "))
            continue
        if found := _LINE.fullmatch(line):
            indent = len(found["indent"])
            above = [(depth, key) for depth, key in above if depth < indent] + [(indent, found["key"])]
            if found["value"]:
                yield _value(".".join(key for _, key in above), found["value"].strip(), " ".join(comment))
        elif line.strip():
            msg = f"deploy/helm/malipo/values.yaml: this line is not understood: {line!r}. Write a value in one line."
            raise ValueError(msg)
        comment = []


def _value(path: str, default: str, meaning: str) -> Value:
    if not meaning:
        msg = f"deploy/helm/malipo/values.yaml: nothing says what {path} is. Write a comment above it."
        raise ValueError(msg)
    return Value(path, default, meaning)
