"""Documents point at things that exist: each `file.py::function` in docs/PATH.md, each link between our pages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from malipo_local.demo.stories import STORIES

ROOT = Path(__file__).parents[2]
PATH = ROOT / "docs/PATH.md"

REFERENCE = re.compile(r"(?!file\.py::function)\b([\w./-]+\.py)::([A-Za-z_][\w.]*)")  # but the notation itself
LINK = re.compile(r"\[[^\]]*\]\((?!https?://|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def dangling_references(text: str, files: list[Path]) -> list[str]:
    """The references of `text` that name no function, class, type or constant of exactly one of `files`.

    A reference is `path::name`, the path whole or its end (`orchestrator/handlers.py`), the name dotted for a method.
    """
    return [f"{path}::{name}" for path, name in REFERENCE.findall(text) if not found(path, name, files)]


def found(path: str, name: str, files: list[Path]) -> bool:
    wanted = "/" + re.sub(r"^(\.\./|\./)+", "", path)
    matches = [file for file in files if file.as_posix().endswith(wanted)]
    return len(matches) == 1 and name in set(definitions(ast.parse(matches[0].read_text("utf-8"))))


def definitions(scope: ast.AST, prefix: str = "") -> Iterator[str]:
    """The names that a module or class defines, those inside its classes dotted."""
    for node in ast.iter_child_nodes(scope):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield prefix + name
            case ast.ClassDef(name=name):
                yield prefix + name
                yield from definitions(node, f"{prefix}{name}.")
            case ast.Assign(targets=targets):
                yield from (prefix + target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.TypeAlias(name=ast.Name(id=name)):
                yield prefix + name
            case _:
                pass


NAMED_FILE = re.compile(r"`([\w./-]+\.py)`")


def missing_files(text: str, files: list[Path]) -> list[str]:
    """The Python files that `text` names and that are nowhere."""
    return [
        name for name in NAMED_FILE.findall(text) if not any(file.as_posix().endswith("/" + name) for file in files)
    ]


def dangling_links(page: Path) -> list[str]:
    """The relative links of a page that lead nowhere."""
    text = CODE_BLOCK.sub("", page.read_text("utf-8"))
    return [target for target in LINK.findall(text) if not (page.parent / target).exists()]


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_path_of_a_payment_names_code_that_exists(python_files: list[Path]) -> None:
    text = PATH.read_text("utf-8")
    assert len(REFERENCE.findall(text)) > 10, (
        "PATH.md walks through the code: name its functions as `file.py::function`"
    )
    assert dangling_references(text, python_files) == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_our_pages_leads_somewhere(page: Path) -> None:
    assert dangling_links(page) == []


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "shop/till.py"
    path.parent.mkdir()
    path.write_text(
        "LIMIT = 3\nRATE: int = 1\ntype Coin = int\ndef take(): ...\nclass Till:\n    async def open(self): ...\n"
    )
    return path


@pytest.mark.parametrize("name", ["LIMIT", "RATE", "Coin", "take", "Till", "Till.open"])
@pytest.mark.parametrize("path", ["shop/till.py", "till.py", "../shop/till.py"])
def test_a_reference_to_something_that_exists_is_right(module: Path, path: str, name: str) -> None:
    assert dangling_references(f"see [`take`](x) `{path}::{name}`, then", [module]) == []


@pytest.mark.parametrize(
    "wrong", ["shop/till.py::give", "shop/till.py::open", "hop/till.py::take", "shop/tills.py::take"]
)
def test_a_reference_to_nothing_is_found(module: Path, wrong: str) -> None:
    assert dangling_references(f"`{wrong}`", [module]) == [wrong]


def test_a_reference_that_could_mean_two_files_is_found(module: Path) -> None:
    assert dangling_references("till.py::take", [module, module.parent / "other/till.py"]) == ["till.py::take"]


def test_a_link_to_nothing_is_found_but_not_one_in_code_or_to_the_web(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[a](page.md) [b](page.md#part) [c](gone.md) [d](https://example.org)\n```\n[e](gone.md)\n```\n")
    assert dangling_links(page) == ["gone.md"]


def test_decisions_name_files_that_exist(python_files: list[Path]) -> None:
    missing = {
        page.name: names
        for page in sorted(ROOT.glob("docs/decisions/*.md"))
        if (names := missing_files(page.read_text("utf-8"), python_files))
    }
    assert missing == {}


def test_a_file_that_is_nowhere_is_found(python_files: list[Path]) -> None:
    assert missing_files("`orchestrator/handlers.py`, `test_gone.py`", python_files) == ["test_gone.py"]


def test_the_readme_numbers_each_story_of_the_demo():
    tour = (ROOT / "README.md").read_text("utf-8").partition("make demo")[2].partition("For each you see")[0]
    numbers = [int(number) for number in re.findall(r"\b(\d+)\. ", tour)]
    assert numbers == list(range(1, len(STORIES) + 1))
