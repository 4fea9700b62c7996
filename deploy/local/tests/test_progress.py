"""What a start shows where nobody draws over it: in a pipe, a file, a CI log."""

from io import StringIO

from rich.console import Console

from malipo_local.progress import Board
from malipo_local.stack import UnitStatus


def unit(name: str, state: str, seconds: float = 0.0) -> UnitStatus:
    return UnitStatus(
        name=name, service=name, kind="", state=state, pid=None, port=None, restarts=0, seconds=seconds, memory_mb=0.0
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
