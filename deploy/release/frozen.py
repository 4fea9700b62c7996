"""Which migrations were released, by their checksums: none of them is edited any more.

`python deploy/release/frozen.py` writes frozen.json anew, which a person does for a release: `make release` refuses what is not in it.
"""
# ruff: noqa: INP001, T201 - a command, no package: it prints

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
FROZEN = Path(__file__).with_name("frozen.json")
_STEPS = ("libs/common/src/malipo/messaging/migration.py", "libs/provider-kit/src/provider_kit/migration.py")
"""What migrations of several services name: steps are added to these, each a constant of its own."""


def migrations() -> dict[str, Path]:
    """Every revision of every service, by its path."""
    found = sorted(ROOT.glob("services/*/src/*/migrations/versions/*.py"))
    return {path.relative_to(ROOT).as_posix(): path for path in found}


def checksums() -> dict[str, str]:
    """Of each revision, and of each step that revisions share."""
    found = {name: _digest(path.read_text("utf-8")) for name, path in migrations().items()}
    for name in _STEPS:
        found |= {f"{name}::{step}": _digest(text) for step, text in _steps(ROOT / name).items()}
    return found


def released() -> dict[str, str]:
    """Those of the newest release, as they were then."""
    return json.loads(FROZEN.read_text("utf-8"))


def edited() -> list[str]:
    """Those that are not as they were released."""
    now = checksums()
    return [name for name, digest in released().items() if now.get(name) != digest]


def unreleased() -> list[str]:
    """Those that are new."""
    return sorted(checksums().keys() - released().keys())


def _steps(path: Path) -> dict[str, str]:
    names: dict[str, str] = {}
    exec(compile(path.read_text("utf-8"), str(path), "exec"), names)  # noqa: S102 - a file of ours: constants alone
    return {name: text for name, text in names.items() if name.startswith("V") and name[1:].isdigit()}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def main() -> None:
    """Write what there is now."""
    FROZEN.write_text(json.dumps(checksums(), indent=2) + "\n", encoding="utf-8")
    print(f"{FROZEN.relative_to(ROOT)} has {len(released())} migrations")


if __name__ == "__main__":
    main()
