"""What a start prints where nothing can be redrawn: in a pipe, a file, a CI log."""

from io import StringIO

import pytest
from rich.console import Console

from malipo_local.progress import Board, said
from malipo_local.status import UnitStatus
from malipo_local.waiting import until


def unit(name: str, state: str, seconds: float = 0.0, kind: str = "store") -> UnitStatus:
    return UnitStatus(
        name=name,
        service=name,
        kind=kind,
        state=state,
        pid=None,
        port=None,
        admin_port=None,
        restarts=0,
        seconds=seconds,
        memory_mb=0.0,
    )


def test_a_process_has_its_line_as_soon_as_it_is_ready_and_only_one() -> None:
    shown = StringIO()
    with Board(Console(file=shown)) as board:
        board.show([unit("postgres", "ready", 1.24), unit("kafka", "starting")])
        assert shown.getvalue() == "postgres  ready     1.2 s\n"
        board.show([unit("postgres", "ready", 1.24), unit("kafka", "ready", 5.0)])
    assert shown.getvalue() == "postgres  ready     1.2 s\nkafka     ready     5.0 s\n"


def test_a_start_that_fails_shows_what_was_not_ready() -> None:
    shown = StringIO()
    with Board(Console(file=shown)) as board:
        board.show([unit("postgres", "failed", 0.4), unit("gateway", "waiting")])
    assert shown.getvalue() == "postgres  failed    0.4 s\ngateway   waiting\n"


def test_the_wait_for_the_services_is_printed_once() -> None:
    shown = StringIO()
    with Board(Console(file=shown)) as board:
        for state in ("waiting", "starting", "starting"):
            board.show([unit("kafka", "ready", 5.0), unit("gateway", state, kind="service")])
        board.show([unit("kafka", "ready", 5.0), unit("gateway", "ready", 9.0, kind="service")])
    assert shown.getvalue() == "kafka    ready     5.0 s\nstarting the services ...\ngateway  ready     9.0 s\n"


def test_a_long_wait_shows_now_and_then_what_is_waited_for() -> None:
    shown, now = StringIO(), [0.0]
    with Board(Console(file=shown), clock=lambda: now[0]) as board:
        for now[0] in (1.0, 9.0, 11.0, 15.0, 21.0):
            board.show([unit("redis", "ready", 0.2), unit("kafka", "starting"), unit("gateway", "waiting")])
        board.show([unit("redis", "ready", 0.2), unit("kafka", "ready", 21.0), unit("gateway", "ready", 5.0)])
    lines = shown.getvalue().splitlines()
    assert lines[1:3] == ["still starting after 11 s: kafka", "still starting after 21 s: kafka"]
    assert len(lines) == 5


def test_a_long_wait_shows_at_once_what_is_done_and_then_how_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("malipo_local.progress._EVERY_SECONDS", 0.01)
    shown = StringIO()
    with said(Console(file=shown), "stopping"):
        assert shown.getvalue().startswith("Stopping ...\n")
        assert until(lambda: "still stopping after 0 s ...\n" in shown.getvalue(), 5)
