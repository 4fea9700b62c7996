"""Two releases as trees of sources: the former one, and the next one, which has one more migration in each service."""

import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parents[2]
_MIGRATION = '''"""What a test's release adds."""

from malipo.platform.migrations import script

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    script("""
        ALTER TABLE inbox ADD COLUMN drill text;
        CREATE TABLE drill (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, told text);
    """)
'''


@dataclass(frozen=True)
class Tree:
    """The sources of one release; `folder` is None for those that are installed."""

    name: str
    folder: Path | None = None

    @property
    def settings(self) -> dict[str, str]:
        """What has a process of a stack run these."""
        if self.folder is None:
            return {"PYTHONPATH": ""}
        sources = [*self.folder.glob("libs/*/src"), *self.folder.glob("services/*/src")]
        return {"PYTHONPATH": ":".join(map(str, sorted(sources)))}


def former(folder: Path) -> Tree:
    """The newest release that is tagged, or the present code."""
    tags = _git("tag", "--list", "v*", "--sort=-v:refname").decode().split()
    if not tags:
        return Tree("the present code, as no release is tagged")
    with tarfile.open(fileobj=BytesIO(_git("archive", tags[0], "libs", "services"))) as archive:
        archive.extractall(folder, filter="data")
    return Tree(tags[0], folder)


def following(folder: Path) -> Tree:
    """The present code with a migration of the test's own."""
    for part in ("libs", "services"):
        for source in (ROOT / part).glob("*/src"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / source.relative_to(ROOT), ignore=ignored)
    for versions in folder.glob("services/*/src/*/migrations/versions"):
        newest = max(versions.glob("*.py"))
        found = re.search(r'^revision = "(\w+)"$', newest.read_text("utf-8"), re.MULTILINE)
        assert found
        text = _MIGRATION.format(revision="9999", before=found[1])
        (versions / "9999_drill.py").write_text(text, encoding="utf-8")
    return Tree("the present code and one more migration", folder)


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""
