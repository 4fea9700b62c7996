"""However a stack ends, no process, no port and no temporary folder stays behind."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from malipo_local import Stack, StackError
from malipo_local.services import Kind, names

from .conftest import processes_of, until

pytestmark = pytest.mark.timeout(180)
STORES = names(Kind.STORE)
HOLDER = f"""
import sys, signal
from malipo_local import Stack
with Stack(sys.argv[1], only={STORES}):
    print("up", flush=True)
    signal.pause()
"""


def start_holder(home: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(home)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "up\n"
    return holder


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killing_the_parent_leaves_no_process_and_no_folder(folder: Path, number: signal.Signals) -> None:
    holder = start_holder(folder / "home")
    assert len(processes_of(folder / "home")) >= 5
    holder.send_signal(number)
    holder.communicate()
    until(lambda: not processes_of(folder / "home"), "every process has ended")
    until(lambda: not (folder / "home").exists(), "the temporary home is gone")


def test_killing_the_parent_while_everything_starts_leaves_nothing(folder: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder / "home")], stdout=subprocess.DEVNULL)
    until(lambda: len(processes_of(folder / "home")) >= 3, "something has started", 60)
    holder.kill()
    holder.wait()
    until(lambda: not processes_of(folder / "home"), "every process has ended")
    until(lambda: not (folder / "home").exists(), "the temporary home is gone")


def test_killing_the_supervisor_leaves_no_process(folder: Path) -> None:
    home = folder / "home"
    stack = Stack(home, only=STORES, keep=True)
    stack.start(detach=True)
    os.kill(supervisor_of(home), signal.SIGKILL)
    until(lambda: not processes_of(home), "every process has ended")
    assert not stack.home.is_held()
    with Stack(home, only=STORES) as again:
        assert again.pid("kafka")


def test_removing_the_home_ends_the_stack(folder: Path) -> None:
    stack = Stack(folder / "home", only={"redis"}, keep=True)
    stack.start(detach=True)
    shutil.rmtree(folder / "home")
    until(lambda: not processes_of(folder / "home"), "every process has ended")


def test_a_failing_block_still_ends_everything(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), Stack(folder / "home", only={"redis"}):
        _ = 1 / 0
    assert not processes_of(folder / "home")
    assert not (folder / "home").exists()


def test_a_folder_that_holds_other_things_is_never_used_nor_removed(folder: Path) -> None:
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(StackError, match="not ours"):
        Stack(folder, only={"redis"}, keep=False).start(detach=False)
    Stack(folder, keep=False).end(purge=True)
    assert (folder / "thesis.txt").exists()


def supervisor_of(home: Path) -> int:
    found = [line for line in processes_of(home) if "malipo_local.supervisor" in line]
    assert len(found) == 1
    return int(found[0].split()[0])
