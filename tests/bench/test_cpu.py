"""Processor time and memory of real processes."""

import subprocess
import sys

from bench import cpu

BURN = "import sys; sum(i * i for i in range(3_000_000)); print(flush=True); sys.stdin.read()"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}])"


def test_a_process_is_charged_with_what_its_children_used_running_and_ended() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT + "; print(flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        running = cpu.read({"it": [process.pid]})
        assert cpu.peak_mb({"it": [process.pid]})["it"] > 1
        process.stdin.close()
        process.stdout.readline()
        ended = cpu.read({"it": [process.pid]})
        assert len(running) == 2
        assert 0 < sum(running.values()) <= sum(ended.values())
        assert cpu.spent(running, ended)["it"] < sum(running.values()) / 2  # what the child had used is not new


def test_a_process_that_is_gone_counts_as_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert cpu.read({"it": [process.pid]}) == {}
