"""An older commit is measured beside this one: by its own Python, in turn, and what went wrong is said."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import psutil
import pytest
from typer.testing import CliRunner

from bench import checkout, compare, goals, parts, report
from bench.checkout import CheckoutError
from bench.compare import Compared, Side
from bench.load import TESTS
from bench.one_stage import Order, Told
from bench.test_whole import OURS
from malipo_local.waiting import until

CHEAP = replace(OURS, cpu={name: value / 2 for name, value in OURS.cpu.items()}, create=(2, 30))
ORDER = Order(name="old 1", rate=10, warm_up=1, seconds=1, settings={})


def compared(*new: float) -> Compared:
    """Three rounds; the new side answers after so many milliseconds at p99."""
    stages = [replace(CHEAP, create=(2, p99)) for p99 in new]
    return Compared(Side("old: 1a", [OURS, OURS, OURS]), Side("new: 2b", stages), [], {})


def test_the_medians_of_both_are_compared_and_held_to_the_goals() -> None:
    found = compared(10, 11, 900)
    assert found.ratio(compare.services_and_stores) == pytest.approx(0.5)
    assert found.ratio(compare.create_p99) == pytest.approx(11 / 20)
    assert [goal.reached for goal in goals.of_comparison(found)] == [True, True]
    assert [goal.reached for goal in goals.of_comparison(compared(13, 14, 15))] == [True, False]


def test_both_medians_and_their_ratio_are_shown_and_the_stages_in_turn() -> None:
    found = compared(10, 11, 12)
    rows = [*zip(*(column.cells for column in report.comparison_table(found).columns), strict=True)]
    assert ("CPU ms a payment: the services", "4.00", "2.00", "0.50") in rows
    assert ("create p99, ms", "20.00", "11.00", "0.55") in rows
    assert [stage.create[1] for stage in found.in_turn] == [20, 10, 20, 11, 20, 12]


def test_what_one_process_has_measured_another_can_read() -> None:
    told = Told(replace(OURS, webhook=(float("nan"), 3.0)), ["lost a payment"])
    again = Told.of(told.line())
    assert (again.stage.name, again.stage.work, again.wrong) == (OURS.name, OURS.work, told.wrong)
    assert again.stage.webhook[1] == 3.0


def test_a_stage_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'PostgreSQL did not start' >&2\nexit 3\n")
    python.chmod(0o755)
    with pytest.raises(RuntimeError, match=r"old 1 failed by .*\n.*PostgreSQL did not start"):
        compare.by(python, ORDER)


def test_the_answer_is_the_last_line_whatever_was_printed_before(tmp_path: Path) -> None:
    python = tmp_path / "python"
    line = Told(OURS, []).line()
    python.write_text(f"#!/bin/sh\ncat > {tmp_path}/order\necho starting\ncat <<'END'\n{line}\nEND\n")
    python.chmod(0o755)
    assert compare.by(python, ORDER).stage.rate == OURS.rate
    assert msgspec.json.decode((tmp_path / "order").read_bytes(), type=Order) == ORDER


def test_a_folder_that_is_no_checkout_or_is_not_set_up_is_refused_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(CheckoutError, match="is no checkout of Malipo"):
        checkout.python_of(tmp_path)
    (tmp_path / "services").mkdir()
    with pytest.raises(CheckoutError, match="run `make setup` in it"):
        checkout.python_of(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give the older commit"),
        (["--commit", "no-such-commit"], "there is no commit 'no-such-commit' here"),
        (["--with", "docs"], "docs is no checkout of Malipo"),
        (["--with", "..", "--commit", "HEAD"], "Give the older commit"),
    ],
)
def test_the_command_says_what_is_wrong_with_the_older_commit(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(parts.app, ["compare", *arguments])
    assert done.exit_code == 2
    assert said in " ".join(done.output.replace("│", " ").split())


MAKE = """#!/bin/sh
(while sleep 0.01; do touch "$2/written"; done) 2> /dev/null &
echo $! > "$STARTED.draft"
mv "$STARTED.draft" "$STARTED"
wait
"""
SET_UP = """
from bench.checkout import checkout_of
from malipo_local.signals import stop_on_signals
stop_on_signals()
with checkout_of("HEAD", print):
    raise AssertionError
"""


def test_interrupted_while_it_sets_a_checkout_up_it_leaves_nothing_behind(tmp_path: Path) -> None:
    make, started, temporary = tmp_path / "bin/make", tmp_path / "started", tmp_path / "temporary"
    make.parent.mkdir()
    temporary.mkdir()
    make.write_text(MAKE)
    make.chmod(0o755)
    environment = {"PATH": f"{make.parent}:{os.environ['PATH']}", "TMPDIR": str(temporary), "STARTED": str(started)}
    environment["PYTHONPATH"] = str(TESTS)
    with subprocess.Popen([sys.executable, "-c", SET_UP], env=os.environ | environment, stderr=subprocess.PIPE) as one:
        assert until(started.exists, 30)
        begun = psutil.Process(int(started.read_text()))
        one.terminate()
        _, complained = one.communicate()
    assert until(lambda: not begun.is_running(), 5)
    assert complained.decode().strip().endswith("KeyboardInterrupt")
    assert list(temporary.iterdir()) == []
    worktrees = subprocess.run(["git", "worktree", "list"], cwd=checkout.ROOT, capture_output=True, check=True)
    assert str(temporary) not in worktrees.stdout.decode()
