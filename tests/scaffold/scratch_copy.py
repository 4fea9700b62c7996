"""A copy of the repository as it is now, with packages of its own that cost nothing: links to ours."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PLACES = (
    "libs/common/src/malipo/contracts/providers/acme.py",
    "libs/simulators/src/malipo_simulators/acme/",
    "services/provider-acme/",
)
"""The three that a provider is."""
_IDENTITY = ("-c", "user.name=Scratch", "-c", "user.email=scratch@example.com")


class Copy:
    """The copy in a folder, and its commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *command: str, check: bool = True) -> str:
        """Everything that a command prints. A failure shows it, too."""
        done = subprocess.run(command, cwd=self.folder, env=_alone(), capture_output=True, text=True, check=False)
        assert not (check and done.returncode), (
            f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done.stdout + done.stderr

    def python(self, *arguments: str, check: bool = True) -> str:
        return self.run(".venv/bin/python", *arguments, check=check)

    def lay_over(self, tree: Path) -> None:
        """Write these files in place of those that are there."""
        shutil.copytree(tree, self.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))

    def outside(self) -> dict[str, bytes]:
        """Every file beside the provider's three places that is not as it was, with its content."""
        lines = self.run("git", "status", "--porcelain", "--untracked-files=all").splitlines()
        changed = [line[3:] for line in lines if not line[3:].startswith(PLACES)]
        return {path: (self.folder / path).read_bytes() for path in changed}

    def take_back(self, path: str) -> None:
        """Have a file as it was."""
        if self.run("git", "ls-files", path):
            self.run("git", "checkout", "HEAD", "--", path)
        else:
            (self.folder / path).unlink()

    @contextmanager
    def stack(self, *names: str, collector: str) -> Generator[dict[str, Any]]:
        """Run these of the copy's services, and what they need; yields their addresses. It ends with this process, too."""
        program = Path(__file__).with_name("run_stack.py").read_text("utf-8")
        command = [".venv/bin/python", "-c", program, collector, *names]
        with subprocess.Popen(
            command, cwd=self.folder, env=_alone(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, "the stack did not start: see above"
            yield json.loads(line)
            process.stdin.close()


@contextmanager
def scratch_copy() -> Generator[Copy]:
    """Removed at the end, however that comes. It is beside the repository's own packages, to be linked with them."""
    folder = Path(tempfile.mkdtemp(prefix=".scratch-", dir=ROOT))
    try:
        for path in _files():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, folder / path)
        _link_packages(folder)
        copy = Copy(folder)
        copy.run("git", "init", "--quiet")
        copy.run("git", "add", "--all")
        copy.run("git", *_IDENTITY, "commit", "--quiet", "--message", "as it is")
        yield copy
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _files() -> Iterator[str]:
    """What git has, and what it would have."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return (path for path in listed.split("\0") if path and (ROOT / path).is_file())


def _link_packages(folder: Path) -> None:
    """Our installed packages; what is written into them later is written anew. Those of the workspace uv replaces."""
    ours, theirs = Path(sys.prefix), folder / ".venv"
    shutil.copytree(
        ours, theirs, symlinks=True, copy_function=os.link, ignore=shutil.ignore_patterns("installed", ".lock")
    )
    for script in (theirs / "bin").iterdir():
        if script.is_file() and not script.is_symlink() and script.stat().st_size < 100_000:
            content = script.read_bytes()
            mode = script.stat().st_mode
            script.unlink()
            script.write_bytes(content.replace(os.fsencode(ours), os.fsencode(theirs)))
            script.chmod(mode)
    if (ROOT / ".tools").exists():
        (folder / ".tools").symlink_to(ROOT / ".tools")


def _alone() -> dict[str, str]:
    """Not as a part of this test's make or environment."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "VIRTUAL_ENV", "PYTEST"))}
