"""Writes a new provider: descriptor, service and simulator from `scaffold/acme`, and all that derives from these.

It reads nothing of Malipo's code, so that it runs whatever half-written provider there is.
"""
# ruff: noqa: INP001, S603, S607 - a command, no package, which runs the project's own

import argparse
import keyword
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from rich.console import Console

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "scaffold/acme"
"""A tree like the repository's own; its files are those of a provider `acme`, which is called "Acme Pay"."""

DESCRIPTORS = Path("libs/common/src/malipo/contracts/providers")
SIMULATORS = Path("libs/simulators/src/malipo_simulators")

_NAME = re.compile(r"[a-z][a-z0-9]{1,19}")
_TITLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .&'-]{0,39}")
_WORDS = re.compile("Acme Pay|ACME|Acme|acme|12110")
_PORT = re.compile(r"^PORT = (\d+)$", re.MULTILINE)

_EXAMPLE = 'Give e.g. NAME=acme TITLE="Acme Pay".'

_DERIVED = {
    "lock": "Locking what is to be installed",
    "docs": "Installing it, and writing the generated pages, for half a minute or so",
}
"""Targets of the Makefile in their order, and what each does."""

_out = Console(highlight=False)
_err = Console(highlight=False, stderr=True)


def main() -> None:
    """Refuse before anything is written, or write, derive, and print what comes next."""
    parser = argparse.ArgumentParser(prog="make new-provider", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--title", default="")
    given = parser.parse_args()
    name, title = given.name, given.title or given.name.capitalize()
    if refused := _refusal(name, title):
        _fail(refused)
    files = dict(_rendered(name, title))
    if foreign := _foreign(files):
        _fail(f"NAME={name} is taken: {foreign} is there. {_choose_another()}")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    _derive(name)
    _say_what_is_next(name, title)


def _refusal(name: str, title: str) -> str | None:
    """Why there can be no such provider, and what is possible."""
    if not _NAME.fullmatch(name):
        return f"NAME={name}: a name is 2 to 20 characters, a to z and 0 to 9, and begins with a letter. {_EXAMPLE}"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return f"NAME={name}: that is a word of Python's, which no module can be called. Choose e.g. {name}pay."
    if (ROOT / SIMULATORS / f"{name}.py").exists():
        return f"NAME={name} is taken by a module beside the simulators. {_choose_another()}"
    if not _TITLE.fullmatch(title):
        return f"TITLE={title}: a title is 1 to 40 letters, digits, spaces and . & ' - of ASCII. {_EXAMPLE}"
    if conflicts := _git("diff", "--name-only", "--diff-filter=U"):
        return f"A merge has left conflicts, and all that is generated would be made of these. Resolve {conflicts[0]}."
    return None


def _foreign(files: Mapping[Path, str]) -> Path | None:
    """The first file that is there and not ours: what a run has written that ended early is the beginning of our text."""
    there = (path for path in files if path.exists())
    found = (path for path in there if not files[path].startswith(path.read_text("utf-8")))
    return next((path.relative_to(ROOT) for path in found), None)


def _choose_another() -> str:
    modules = [path for folder in (DESCRIPTORS, SIMULATORS) for path in (ROOT / folder).glob("[a-z]*")]
    taken = {path.stem for path in modules if path.suffix == ".py" or any(path.glob("*.py"))}
    return f"Choose another; taken are {', '.join(sorted(taken))}."


def _rendered(name: str, title: str) -> Iterator[tuple[Path, str]]:
    port = str(_free_port(name))
    new = {"Acme Pay": title, "ACME": name.upper(), "Acme": name.capitalize(), "acme": name, "12110": port}
    for source in sorted(TEMPLATE.rglob("*")):
        if source.is_file() and "__pycache__" not in source.parts:
            place = ROOT / str(source.relative_to(TEMPLATE)).replace("acme", name)
            text = _WORDS.sub(lambda found: new[found[0]], source.read_text("utf-8"))
            yield place, _tidied(text, place) if place.suffix == ".py" else text


def _free_port(name: str) -> int:
    """The one after those of the other simulators."""
    commands = [path for path in (ROOT / SIMULATORS).glob("*/command.py") if path.parent.name != name]
    return 1 + max(int(port) for path in commands for port in _PORT.findall(path.read_text("utf-8")))


def _tidied(text: str, place: Path) -> str:
    """The order of imports and the ends of lines go by how long names are, and by their first letters."""
    for command in (["check", "--select", "I", "--fix-only", "--quiet"], ["format", "--quiet"]):
        ruff = [str(Path(sys.executable).with_name("ruff")), *command, "--stdin-filename", str(place), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return text


def _derive(name: str) -> None:
    """Blocks of pyproject.toml, the lock, what is installed, generated pages: each needs the one before."""
    for target, what in _DERIVED.items():
        _out.print(f"{what} ...", soft_wrap=True)
        _out.file.flush()  # before what make prints
        if subprocess.run(["make", "--no-print-directory", target], cwd=ROOT, check=False).returncode:
            _fail(
                "The files of the provider are written, but not all that derives from them. Mend what is shown above, and "
                f"give the same command again, or take all back: {_undo(name)}"
            )


def _undo(name: str) -> str:
    schema = f"libs/common/schemas/providers.{name}.commands.v1.json"
    folders = f"services/provider-{name} {SIMULATORS}/{name} {DESCRIPTORS}/{name}.py {schema}"
    return f"git clean -fdx {folders} && make lock && make docs"


def _say_what_is_next(name: str, title: str) -> None:
    _out.print(f"[bold]{title}[/bold] is there, and can do nothing yet. To be written, in this order:", soft_wrap=True)
    for number, (what, why) in enumerate(_steps(name), 1):
        _out.print(f"  {number}. [bold]{what}[/bold]", soft_wrap=True)
        _out.print(f"     {why}", style="dim", markup=False, soft_wrap=True)
    tests = f"services/provider-{name}"
    _out.print(f'What is missing, as a list: make test ARGS="{tests} -k nothing_is_left_to_write"', soft_wrap=True)
    _out.print(f"All its tests, red as yet, this list first: make test ARGS={tests}", soft_wrap=True)
    _out.print("A stack that is up does not have it yet: make down, then make up.", soft_wrap=True)
    _out.print(f"After a change of the descriptor: make docs. To take all back: {_undo(name)}", soft_wrap=True)


def _steps(name: str) -> list[tuple[str, str]]:
    service = f"services/provider-{name}"
    source = f"{service}/src/provider_{name}"
    return [
        (
            f"{DESCRIPTORS}/{name}.py",
            "credentials with their marks, methods with their amounts, operations, traits; then `make docs`",
        ),
        (
            f"{service}/tests/test_conformance.py",
            "examples of responses, from the documentation; libs/testkit/tests/test_models.py has three suites",
        ),
        (f"{source}/client.py", "what authenticates requests, what names an account, how callbacks are verified"),
        (f"{source}/mapping.py", "operations as requests, responses and callbacks as outcomes; Unknown for the rest"),
        (f"{source}/provider.py", "what a query may do: how an operation is found again, keys, further ids"),
        (f"{SIMULATORS}/{name}", "the same API with a book; libs/simulators/tests/test_kit.py is a small one"),
        ("tests/e2e", "a story that pays through it on the whole system"),
    ]


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout.split()


def _fail(message: str) -> NoReturn:
    _err.print(message, style="red", markup=False, soft_wrap=True)
    raise SystemExit(1)


if __name__ == "__main__":
    main()
