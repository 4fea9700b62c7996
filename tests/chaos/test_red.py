"""What is printed about a red crossing, and the command to paste that repeats it."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from chaos import red, report
from chaos.crossings import Crossing
from chaos.matrix import Cell, Result
from chaos.operations import OPERATIONS

AFTER_ANSWER = Crossing("gateway", "answer", "after", "POST /v1/payments/{id}/refunds", 1)
CELL = Cell(OPERATIONS[1], AFTER_ANSWER)
GREEN = Result(CELL, struck=True)
BROKEN = Result(CELL, struck=True, broken=["Stripe's book lacks the charge of 1250"])


def options_that_arrive(command: str, folder: Path) -> list[str]:
    (folder / "Makefile").write_text("crash-matrix:\n\t@printf '%s\\n' $(ARGS)\n")
    # These tests may themselves run beneath a make, which would hand on its flags and depth.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, cwd=folder, env=alone, check=True, timeout=30
    )
    return done.stdout.splitlines()


def findings(crashed: Result, replicated: Result = GREEN) -> report.Findings:
    return report.Findings("make crash-matrix", 60.0, [crashed], [replicated], [])


def test_the_command_that_repeats_a_red_crossing_reads_as_a_person_would_write_it():
    assert red.repeat(BROKEN, replicas=False) == (
        "make crash-matrix ARGS='"
        '--operation "3DS approved" --crossing "gateway: after answer 1 of POST /v1/payments/{id}/refunds"'
        "'"
    )


@pytest.mark.parametrize(
    "place", ["POST /v1/payments", "store.claim.<locals>.take (payments.commands)", "a 'b' \"c\" $d `e` \\f #g $(h)"]
)
def test_the_command_comes_through_shell_and_make_whole(place: str, tmp_path: Path):
    crossing = replace(AFTER_ANSWER, place=place)
    command = red.repeat(Result(Cell(OPERATIONS[1], crossing), struck=True), replicas=True)
    assert options_that_arrive(command, tmp_path) == [
        "--operation",
        "3DS approved",
        "--crossing",
        str(crossing),
        "--replicas",
    ]


def test_the_page_shows_beneath_each_red_crossing_how_to_repeat_it():
    page = report.page(findings(BROKEN, BROKEN))
    for replicas in (False, True):
        assert f"* {red.described(BROKEN)}  \n  `{red.repeat(BROKEN, replicas=replicas)}`\n" in page


def test_the_page_of_a_green_run_lists_nothing_red():
    assert "## Red" not in report.page(findings(GREEN))


@pytest.mark.parametrize(
    ("result", "conclusion"),
    [
        (GREEN, "the promise was kept"),
        (BROKEN, "the promise was BROKEN"),
        (Result(CELL, struck=False), "NOT PROVEN, as not every crossing was reached"),
    ],
)
def test_the_conclusion_says_whether_the_promise_was_kept(result: Result, conclusion: str):
    assert findings(result).conclusion == conclusion
    assert findings(result).green is result.green


def test_what_was_reached_by_chance_and_not_again_is_listed_and_counts_for_nothing():
    once = Result(replace(CELL, by_chance=True), struck=False)
    found = replace(findings(GREEN), results=[GREEN, once])
    assert found.green
    page = report.page(found)
    assert "**1 of 1 crossings green**" in page
    assert "## Reached by chance\n" in page
    assert f"* {CELL.operation.name}: {CELL.crossing}\n" in page
    assert not findings(once).green
    assert not findings(replace(once, broken=["the merchant received nothing"])).green
