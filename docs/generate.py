"""Writes the files of docs/ and the golden schemas that come from code; with `--check` says which are stale."""
# ruff: noqa: INP001, T201 - a command, no package: it prints

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from pages import asyncapi, capabilities, metrics, openapi, problems, settings, states, topics
from pages.markdown import as_json

from malipo.contracts.topics import TOPICS
from testkit.compatibility import breaking_changes, golden

ROOT = Path(__file__).parents[1]
SCHEMAS = ROOT / "libs/common/schemas"
PAGES: dict[str, Callable[[], str]] = {
    "payment-states.md": states.page,
    "topics.md": topics.page,
    "asyncapi.json": asyncapi.page,
    "settings.md": settings.page,
    "capabilities.md": capabilities.page,
    "problems.md": problems.page,
    "metrics.md": metrics.page,
    "openapi.json": openapi.page,
}


def generated() -> dict[Path, str]:
    """Every file that is generated from code, with its content."""
    pages = {ROOT / "docs" / name: page() for name, page in PAGES.items()}
    schemas = {SCHEMAS / f"{topic.name}.json": as_json(golden(topic)) for topic in TOPICS}
    return pages | schemas


def broken_promises() -> list[str]:
    """Changes that break the consumers of a message; they are never written to a golden file."""
    kept = [(SCHEMAS / f"{topic.name}.json", golden(topic)) for topic in TOPICS]
    return [
        reason
        for path, new in kept
        if path.exists()
        for reason in breaking_changes(json.loads(path.read_text("utf-8")), new)
    ]


def stale(files: dict[Path, str]) -> list[Path]:
    """The files whose content is not what is generated from the code now."""
    return [path for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text]


def main() -> int:
    """Write what is stale, or only name it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    only_check = parser.parse_args().check
    if broken := broken_promises():
        print("these changes break the messages of a topic; give them a new topic version (.v2):", *broken, sep="\n  ")
        return 1
    files = generated()
    for path in (found := stale(files)):
        print(path.relative_to(ROOT), "is stale: run `make docs`" if only_check else "written")
        if not only_check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], "utf-8")
    return int(only_check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
