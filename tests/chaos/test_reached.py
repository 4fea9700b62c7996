"""What a crossing is called that a run does not reach again: red only if the system comes by it and it is never struck."""

from collections.abc import Iterable

import pytest

from chaos.crossings import Crossing
from chaos.matrix import ROUNDS, TRIES, Cell, Matrix, Result
from chaos.operations import OPERATIONS

CELL = Cell(OPERATIONS[0], Crossing("orchestrator", "offset commit", "after", "orchestrator.payments", 2))
NEVER = [False] * TRIES


def crashed(monkeypatch: pytest.MonkeyPatch, strikes: Iterable[bool], comes_by: Iterable[bool]) -> Result:
    """Crash the cell on a system that takes these paths: which of the tries strike, and which of the recordings reach it."""
    struck, recorded = iter(strikes), iter(comes_by)

    def crash_once(_: Matrix, cell: Cell) -> Result:
        return Result(cell, struck=next(struck))

    def comes_by_again(_: Matrix, cell: Cell) -> bool:
        return next(recorded)

    monkeypatch.setattr(Matrix, "_crash_once", crash_once)
    monkeypatch.setattr(Matrix, "_comes_by", comes_by_again)
    return Matrix.__new__(Matrix).crash(CELL)


def test_what_is_not_recorded_again_was_reached_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    assert crashed(monkeypatch, NEVER, [False]).passed


def test_what_is_recorded_again_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert crashed(monkeypatch, [*NEVER, False, True], [True]).green


def test_what_is_recorded_each_time_and_never_struck_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    result = crashed(monkeypatch, NEVER * ROUNDS, [True] * ROUNDS)
    assert not result.green
    assert not result.passed
