"""The house rules that ruff cannot see, each with a specimen that breaks it."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]

Rule = Callable[[ast.AST], bool]
MONEY = re.compile(r"(^|_)(amount|minor|captured|refunded|fee|price)(_|$)")
COMMITS = (
    "libs/common/src/malipo/messaging/",
    "libs/common/src/malipo/platform/archives.py",  # compares an archive with its month in a table that goes with it
    "libs/common/src/malipo/platform/migrations.py",
    "libs/common/src/malipo/platform/owner.py",  # what changes tables beside these
    "libs/testkit/src/testkit/failpoints.py",  # opens the transaction that a single statement is, to cut it
)


def names(node: ast.AST) -> set[str]:
    """Every name and attribute in an expression."""
    inner = list(ast.walk(node))
    return {n.id for n in inner if isinstance(n, ast.Name)} | {n.attr for n in inner if isinstance(n, ast.Attribute)}


def is_money(node: ast.AST) -> bool:
    return any(MONEY.search(name) for name in names(node))


def is_float(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float)


def commits(node: ast.AST) -> bool:
    """Only the unit of work opens and commits transactions: state, inbox and outbox together, or none of them.

    Beside it there are `Database.write`, for single statements, and `Database.reads`, which cannot `execute`.
    """
    ends = ("commit", "transaction")
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ends


def mixes_money_with_floats(node: ast.AST) -> bool:
    """Money is whole minor units: no float beside it, no division that makes one."""
    match node:
        case ast.arg(arg=name, annotation=ast.expr() as annotation):
            return bool(MONEY.search(name)) and "float" in names(annotation)
        case ast.AnnAssign(target=target, annotation=annotation, value=value):
            return is_money(target) and ("float" in names(annotation) or (value is not None and is_float(value)))
        case ast.Assign(targets=targets, value=value):
            return is_float(value) and any(is_money(target) for target in targets)
        case ast.keyword(arg=str(name), value=value):
            return bool(MONEY.search(name)) and is_float(value)
        case ast.BinOp(left=left, op=operator, right=right):
            sides = (left, right)
            return any(map(is_money, sides)) and (isinstance(operator, ast.Div) or any(map(is_float, sides)))
        case ast.Compare(left=left, comparators=others):
            sides = (left, *others)
            return any(map(is_money, sides)) and any(map(is_float, sides))
        case ast.Call(func=ast.Name(id="float" | "round"), args=arguments):
            return any(map(is_money, arguments))
        case _:
            return False


def forgets_a_task(node: ast.AST) -> bool:
    """The event loop holds tasks weakly: one without a reference may vanish in the middle. A group keeps its own."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr="create_task" | "ensure_future"))):
            return not any("group" in name for name in names(owner))
        case ast.Expr(value=ast.Call(func=ast.Name(id="create_task" | "ensure_future"))):
            return True
        case _:
            return False


def broken(rule: Rule, files: list[Path]) -> list[str]:
    """Where `rule` is broken, as `path:line`."""
    return [f"{path.relative_to(ROOT)}:{line}" for path in files for line in lines(rule, path.read_text("utf-8"))]


def lines(rule: Rule, source: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(source)):
        if rule(node):
            yield getattr(node, "lineno", 0)


def test_only_the_unit_of_work_commits(source_files: list[Path]) -> None:
    elsewhere = [path for path in source_files if not str(path.relative_to(ROOT)).startswith(COMMITS)]
    assert broken(commits, elsewhere) == []


def test_no_float_comes_near_money(source_files: list[Path]) -> None:
    assert broken(mixes_money_with_floats, source_files) == []


def test_every_task_is_kept(python_files: list[Path]) -> None:
    assert broken(forgets_a_task, python_files) == []


@pytest.mark.parametrize(
    ("rule", "specimen"),
    [
        (commits, "await session.commit()"),
        (mixes_money_with_floats, "amount: float = 0"),
        (mixes_money_with_floats, "def pay(amount_minor: float | None): ..."),
        (mixes_money_with_floats, "fee = 0.5"),
        (mixes_money_with_floats, "pay(amount=1.0)"),
        (mixes_money_with_floats, "half = money.amount_minor / 2"),
        (mixes_money_with_floats, "more = amount * 1.1"),
        (mixes_money_with_floats, "amount_minor > 0.0"),
        (mixes_money_with_floats, "float(payment.amount_captured)"),
        (forgets_a_task, "asyncio.create_task(work())"),
        (forgets_a_task, "asyncio.ensure_future(work())"),
    ],
)
def test_a_broken_rule_is_seen(rule: Rule, specimen: str) -> None:
    assert list(lines(rule, specimen)) == [1]


@pytest.mark.parametrize(
    ("rule", "specimen"),
    [
        (commits, "async with units.begin() as unit: ..."),
        (mixes_money_with_floats, "left = amount_captured - amount_refunded"),
        (mixes_money_with_floats, "major, minor = divmod(amount_minor, 100)"),
        (mixes_money_with_floats, "timeout_seconds = 0.5"),
        (forgets_a_task, "task = asyncio.create_task(work())"),
        (forgets_a_task, "group.create_task(work())"),
    ],
)
def test_what_keeps_a_rule_is_left_alone(rule: Rule, specimen: str) -> None:
    assert list(lines(rule, specimen)) == []


BROAD = re.compile(r"except (Base)?Exception\b|except:")
EXCUSE = re.compile(r"# noqa: BLE001 - \w+")


def test_a_handler_of_every_exception_says_why_or_raises_it_again(source_files: list[Path]) -> None:
    found = [f"{path.relative_to(ROOT)}:{line}" for path in source_files for line in unexcused(path.read_text("utf-8"))]
    assert found == []


def unexcused(source: str) -> Iterator[int]:
    """Lines with a handler of every exception that neither gives a reason nor raises it again."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler) and BROAD.search(line := source.splitlines()[node.lineno - 1]):
            raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            if not raises and not EXCUSE.search(line):
                yield node.lineno


@pytest.mark.parametrize("handler", ["except Exception: pass", "except BaseException: pass", "except: pass"])
def test_a_handler_that_swallows_everything_is_seen(handler: str) -> None:
    assert list(unexcused(f"try: work()\n{handler}")) == [2]


def test_a_handler_that_cleans_up_and_raises_is_left_alone() -> None:
    assert list(unexcused("try: work()\nexcept BaseException:\n  close()\n  raise")) == []


PLACES = re.compile(r"(?<![\w.:/-])/(home|Users|root|work|workspace|mnt)/\w")
REGISTRIES = re.compile(r"artifactory|jfrog\.io|devpi|/repository/pypi|pypi-proxy", re.IGNORECASE)
NOT_OURS = {".js", ".pyc", ".lock"}


def our_files() -> Iterator[Path]:
    """Every text file of the repository but generated ones."""
    for path in ROOT.rglob("*"):
        hidden = any(part.startswith(".") and part != ".ci" for part in path.relative_to(ROOT).parts[:-1])
        if path.is_file() and not hidden and path.suffix not in NOT_OURS and path != Path(__file__):
            yield path


def test_no_file_names_the_machine_that_it_was_written_on() -> None:
    texts = {path: path.read_text("utf-8", errors="replace") for path in our_files()}
    revealing = [str(path.relative_to(ROOT)) for path, text in texts.items() if reveals(text)]
    assert revealing == []


def reveals(text: str) -> bool:
    """Whether a text names a path of a developer's machine, or a private package registry."""
    return bool(PLACES.search(text) or REGISTRIES.search(text))


@pytest.mark.parametrize("text", ["see /home/me/malipo", "cd /mnt/it", "https://me.jfrog.io/pypi/simple"])
def test_a_revealing_text_is_seen(text: str) -> None:
    assert reveals(text)


NO_TEXTS = {f"docs/operations/pictures/{name}.png" for name in ("promise", "service-gateway", "provider-stripe")}
"""Files of the repository that are no text, by their paths: what `make pictures` draws."""


def test_every_file_of_the_repository_is_text_or_listed() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    found = [
        name for name in listed.split("\0") if name and (ROOT / name).is_file() and no_text((ROOT / name).read_bytes())
    ]
    assert sorted(NO_TEXTS.symmetric_difference(found)) == []


def no_text(content: bytes) -> bool:
    """Whether a file is a picture, a package, a program: whatever cannot be reviewed."""
    return b"\0" in content


@pytest.mark.parametrize("content", [b"!<arch>\ndebian-binary   \0", b"\x89PNG\r\n\x1a\n\0"])
def test_a_package_and_a_picture_are_no_text(content: bytes) -> None:
    assert no_text(content)


def test_packages_come_from_the_public_registry() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    sources = {package["source"]["registry"] for package in lock["package"] if "registry" in package["source"]}
    assert [urlsplit(source).hostname.split(".")[-2:] for source in sources] == [["pypi", "org"]]
