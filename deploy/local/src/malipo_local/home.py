"""The folder that holds one stack's state, and the cache folder that all stacks share."""

import base64
import contextlib
import fcntl
import hmac
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import psutil

from malipo_local.errors import StackError
from malipo_local.hints import make
from malipo_local.private import write_private
from malipo_local.process import kill_all

_LONGEST_SOCKET_PATH = 100  # the kernel's limit is 108 bytes, 104 on macOS
_LONGEST_LOG = 10 * 2**20
_PASSWORDS = "passwords"  # the secret that they are derived from


def cache_folder() -> Path:
    """Downloads and caches shared by every stack of this user: MALIPO_CACHE, else the XDG cache folder."""
    chosen = os.environ.get("MALIPO_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(chosen) if chosen else Path(base) / "malipo"
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


class Home:
    """Paths of one stack's state, and the few things that are read and written by more than one part."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is created before `adopt`."""
        self.folder = folder.absolute()
        self.logs = self.folder / "logs"
        self.plan = self.folder / "plan.json"
        self.ports = self.folder / "ports.json"
        self.failure = self.folder / "failure.txt"
        self.tls = self.folder / "tls"  # of a stack's own authority, if it is to be secure
        self._marker = self.folder / "malipo-home"
        self._lock = self.folder / "lock"
        self._children = self.folder / "children"
        self._done = self.folder / "done.json"
        self._socket_name = self.folder / "control-socket"

    def adopt(self) -> None:
        """Create the folder, or use one that is empty or already ours.

        Raises StackError for a folder that holds something else: `purge` would remove it.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._marker.exists() and any(self.folder.iterdir()):
            message = f"{self.folder} holds files that are not ours. Choose an empty or a new folder with --home."
            raise StackError(message)
        self._marker.write_text(f"Created by malipo_local; `{make('down', '--purge', home=self.folder)}` removes it.\n")
        self.logs.mkdir(exist_ok=True)

    def is_ours(self) -> bool:
        """Whether the folder is there and is the home of a stack."""
        return self._marker.exists()

    def log(self, name: str) -> Path:
        """The log file of one process."""
        return self.logs / f"{name}.log"

    def rotate_logs(self) -> None:
        """Keep one older piece of each log that has grown long."""
        for log in self.logs.glob("*.log"):
            if log.stat().st_size > _LONGEST_LOG:
                log.replace(log.with_suffix(".log.1"))

    @contextlib.contextmanager
    def hold(self) -> Generator[None]:
        """Be the one supervisor of this home; the kernel releases it when the process dies.

        Raises StackError when another holds it.
        """
        with self._lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as held:
                message = f"Another supervisor runs in {self.folder}. Stop it with: {make('down', home=self.folder)}"
                raise StackError(message) from held
            yield

    def is_held(self) -> bool:
        """Whether a supervisor runs in this home."""
        if not self._lock.exists():
            return False
        with self._lock.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def new_socket(self) -> Path:
        """A path for the control socket, short enough for the kernel."""
        path = self.folder / "control.sock"
        if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
            path = Path(tempfile.mkdtemp(prefix="malipo-")) / "control.sock"
        path.unlink(missing_ok=True)
        self._socket_name.write_text(str(path))
        return path

    def socket(self) -> Path | None:
        """Where the supervisor listens, once it has written that down."""
        with contextlib.suppress(FileNotFoundError):
            return Path(self._socket_name.read_text())
        return None

    def remove_socket(self) -> None:
        """Remove the socket, and the folder made for it."""
        path = self.socket()
        if path is not None:
            path.unlink(missing_ok=True)
            self._socket_name.unlink(missing_ok=True)
        if path is not None and path.parent != self.folder:
            with contextlib.suppress(OSError):
                path.parent.rmdir()

    def remember_child(self, pid: int) -> None:
        """Note a process, so that it can be ended should the supervisor be killed where no guard exists."""
        with contextlib.suppress(psutil.Error), self._children.open("a") as children:
            children.write(f"{pid} {psutil.Process(pid).create_time()}\n")

    def end_leftovers(self) -> int:
        """End what an earlier supervisor left running; returns how many processes these were."""
        if not self._children.exists():
            return 0
        leftovers = [process for line in self._children.read_text().splitlines() for process in _still_there(line)]
        kill_all(leftovers)
        self._children.unlink()
        return len(leftovers)

    def key_ring(self) -> str:
        """The data keys of this stack, made once."""
        return self._made_once("key-ring", lambda: f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}")

    def password(self, whose: str) -> str:
        """The password of one user of a store, the same for as long as the home is there: 128 bits as hexadecimal digits."""
        secret = self._made_once(_PASSWORDS, lambda: secrets.token_hex(32))
        return hmac.digest(secret.encode(), whose.encode(), "sha256").hex()[:32]

    def has_passwords(self) -> bool:
        """Whether the stores that have data here were given passwords."""
        return (self.folder / _PASSWORDS).exists()

    def _made_once(self, name: str, make: Callable[[], str]) -> str:
        path = self.folder / name
        if not path.exists():
            write_private(path, make().encode())
        return path.read_text()

    def done(self) -> dict[str, str]:
        """Steps that need not run again, with a fingerprint of the code that ran."""
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            return json.loads(self._done.read_text())
        return {}

    def mark_done(self, step: str, fingerprint: str) -> None:
        """Note that a step ran to its end."""
        self._done.write_text(json.dumps({**self.done(), step: fingerprint}, indent=2))

    def forget_steps(self, prefix: str) -> None:
        """Have the steps of a store run again, because its data is new."""
        kept = {step: value for step, value in self.done().items() if not step.startswith(prefix)}
        self._done.write_text(json.dumps(kept, indent=2))

    def purge(self) -> None:
        """Remove the folder, if it is one of ours."""
        if self._marker.exists():
            self.remove_socket()
            shutil.rmtree(self.folder, ignore_errors=True)


def _still_there(line: str) -> list[psutil.Process]:
    pid, created = line.split()
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(int(pid))
        if abs(process.create_time() - float(created)) < 1:
            return [process, *process.children(recursive=True)]
    return []
