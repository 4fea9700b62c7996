"""What a migration may do while the former release runs: a new one is run with nothing behind it, and each statement is judged."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_NAME = r'"?(?P<table>[\w.]+)"?'
_NEW_TABLE = re.compile(rf"CREATE TABLE (?:IF NOT EXISTS )?{_NAME}", re.IGNORECASE)
_INDEX = re.compile(
    rf"CREATE (?P<unique>UNIQUE )?INDEX (?P<concurrently>CONCURRENTLY )?(?P<there>IF NOT EXISTS )?\S* ?ON {_NAME}",
    re.IGNORECASE,
)
_ALTER = re.compile(rf"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?{_NAME} (?P<actions>.*)", re.IGNORECASE | re.DOTALL)
_ADD_COLUMN = re.compile(r"ADD (?:COLUMN )?(?!CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)", re.IGNORECASE)
_HARMLESS = re.compile(
    r"ALTER (?:COLUMN )?\w+ (?:DROP NOT NULL|SET DEFAULT)|SET \(|COMMENT ON|SET STATISTICS", re.IGNORECASE
)
_DROPS = re.compile(r"DROP (?:TABLE|INDEX|COLUMN|CONSTRAINT|VIEW)|ALTER (?:COLUMN )?\w+ DROP DEFAULT", re.IGNORECASE)


class Refused(NamedTuple):
    """A statement that the former release would mind, and why."""

    statement: str
    why: str

    def __str__(self) -> str:
        return f"{' '.join(self.statement.split())[:120]}: {self.why}"


class Migration(NamedTuple):
    """What a revision runs, and which release it says to be the first that does not use what it drops."""

    statements: Sequence[str]
    unused_since: str | None


def read(path: Path) -> Migration:
    """Run the revision's `upgrade` with its statements caught. Raises `AssertionError` for what is no plain SQL."""
    module = ModuleType(path.stem)
    caught: list[str] = []
    exec(compile(ast.parse(path.read_text("utf-8")), str(path), "exec"), module.__dict__)
    module.__dict__.update(script=caught.append, op=_Op(caught))
    module.upgrade()
    plain = _COMMENT.sub("", ";".join(caught))
    return Migration([one.strip() for one in plain.split(";") if one.strip()], getattr(module, "unused_since", None))


class _Op:
    """Stands in for alembic's."""

    def __init__(self, caught: list[str]) -> None:
        self.execute = caught.append

    def __getattr__(self, name: str) -> Any:
        message = f"op.{name}: write a migration in SQL, by `script` or `op.execute`"
        raise AssertionError(message)


def refused(migration: Migration, version: str) -> list[Refused]:
    """The statements that the former release would mind, in a release of this version."""
    made = {found["table"].lower() for one in migration.statements if (found := _NEW_TABLE.match(one))}
    dropped = migration.unused_since is not None and _numbers(migration.unused_since) < _numbers(version)
    return [
        Refused(statement, why)
        for statement in migration.statements
        for why in _whys(statement, made, may_drop=dropped)
    ]


def _whys(statement: str, made: set[str], *, may_drop: bool) -> Iterator[str]:
    if _NEW_TABLE.match(statement) or _HARMLESS.match(statement):
        return
    if index := _INDEX.match(statement):
        yield from _of_index(index, made)
    elif alter := _ALTER.match(statement):
        if alter["table"].lower() not in made:
            for action in _parts(alter["actions"]):
                yield from _of_action(action, may_drop=may_drop)
    elif _DROPS.match(statement):
        if not may_drop:
            yield _USED
    else:
        yield "only tables, columns and indexes are added; rows are changed by the service, a few at a time"


_USED = (
    'the former release uses it: drop it one release after it went out of use, and say so by `unused_since = "X.Y.Z"`'
)


_MINDED = (
    ("RENAME", "the former release knows it by its old name: add another, and drop this one a release later"),
    (
        r"ALTER (COLUMN )?\w+ (SET DATA )?TYPE",
        "the table is written anew while all wait, and the former release knows the old type: add a column",
    ),
)


def _of_index(index: re.Match[str], made: set[str]) -> Iterator[str]:
    if index["table"].lower() in made:
        return
    if index["unique"]:
        yield "the former release may write what is there twice"
    elif not index["there"]:
        yield "writers wait while it is built: have it built CONCURRENTLY before, and write IF NOT EXISTS"


def _of_action(action: str, *, may_drop: bool) -> Iterator[str]:
    if _ADD_COLUMN.match(action):
        yield from _of_column(action)
    elif _DROPS.match(action):
        if not may_drop:
            yield _USED
    elif not _HARMLESS.match(action):  # SET NOT NULL, ADD CONSTRAINT and the like, unless it is one of these
        known = (why for pattern, why in _MINDED if re.match(pattern, action, re.IGNORECASE))
        yield next(known, "the former release may write what is refused then")


def _of_column(action: str) -> Iterator[str]:
    if re.search("NOT NULL", action, re.IGNORECASE) and not re.search("DEFAULT|GENERATED", action, re.IGNORECASE):
        yield "the former release does not fill it: let it be NULL, or give it a DEFAULT"
    if re.search(r"\b(UNIQUE|REFERENCES|CHECK)\b", action, re.IGNORECASE):
        yield "the former release may write what is refused then"


def _parts(actions: str) -> list[str]:
    """The actions of one ALTER TABLE: commas within parentheses part nothing."""
    parts, depth = [""], 0
    for character in actions:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [one.strip() for one in parts]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
