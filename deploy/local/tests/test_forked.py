"""Programs that are forked out of one process which has their libraries already."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from malipo_local import Stack
from malipo_local.forked import Nursery
from malipo_local.process import Command

from .conftest import processes_of, until

pytestmark = pytest.mark.timeout(180)

SIMULATOR = "stripe-sim"
HOLDER = """
import sys
from malipo_local import Stack
Stack(sys.argv[1], only={sys.argv[2]}, forked=True).__enter__()
"""


def parent_of(stack: Stack) -> psutil.Process:
    parent = psutil.Process(stack.pid(SIMULATOR)).parent()
    assert parent is not None
    return parent


def wait_until_another_runs(stack: Stack, pid: int | None) -> None:
    until(lambda: stack.pid(SIMULATOR) not in {None, pid}, "another process")
    stack.wait_ready(SIMULATOR)


def test_a_forked_program_has_its_settings_and_log_and_ends_with_its_stack() -> None:
    with Stack(only={SIMULATOR}, settings={SIMULATOR: {"SEED": "forked-7"}}, forked=True) as stack:
        assert "malipo_local.nursery" in parent_of(stack).cmdline()
        assert "seed forked-7" in stack.log_path(SIMULATOR).read_text()
        processes = [psutil.Process(stack.pid(SIMULATOR)), parent_of(stack)]
    assert not [process for process in processes if process.is_running()]


def test_a_forked_program_that_is_killed_is_started_again() -> None:
    with Stack(only={SIMULATOR}, forked=True) as stack:
        first = stack.pid(SIMULATOR)
        stack.kill(SIMULATOR, signal.SIGKILL)
        wait_until_another_runs(stack, first)
        assert [unit.restarts for unit in stack.status()] == [1]


def test_what_was_forked_ends_with_the_process_it_came_of_and_is_forked_anew() -> None:
    with Stack(only={SIMULATOR}, forked=True) as stack:
        first, parent = stack.pid(SIMULATOR), parent_of(stack)
        parent.kill()
        wait_until_another_runs(stack, first)
        assert parent_of(stack) != parent


def test_killing_the_parent_while_programs_are_forked_leaves_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(home), SIMULATOR])

    def started() -> list[psutil.Process]:
        return psutil.Process(holder.pid).children(recursive=True)

    until(lambda: len(started()) >= 2, "the nursery, and perhaps more", 60)
    processes = started()
    holder.kill()
    holder.wait()
    until(lambda: not processes_of(home), "the supervisor has ended")
    until(lambda: not [one for one in processes if one.is_running()], "what it has started has ended")
    until(lambda: not home.exists(), "the temporary home is gone")


def test_a_program_with_a_python_path_of_its_own_reads_it(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('read before the first line', flush=True)")
    with Stack(only={SIMULATOR}, settings={SIMULATOR: {"PYTHONPATH": str(tmp_path)}}, forked=True) as stack:
        assert "read before the first line" in stack.log_path(SIMULATOR).read_text()


async def test_a_start_that_is_given_up_takes_nobody_elses_program(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    nursery = Nursery(tmp_path / "nursery.log", lambda _pid: None)

    def command(module: str) -> Command:
        return Command(argv=[sys.executable, "-m", module], log=tmp_path / "log")

    try:
        await (await nursery.start(command("this"))).wait()
        given_up = asyncio.create_task(nursery.start(command("http.server")))
        await asyncio.sleep(0)  # it has been ordered
        given_up.cancel()
        assert await (await nursery.start(command("this"))).wait() == 0
        assert (tmp_path / "log").read_text().count("The Zen of Python") == 2
        assert given_up.cancelled()
    finally:
        await nursery.stop()
