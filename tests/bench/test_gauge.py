"""What stands beside figures: the machine's speed, and how its Python was built."""

import pytest

from bench import gauge, machine


def test_twice_as_much_work_takes_longer() -> None:
    assert 0 < gauge.loop_ms(2_000, runs=3) < gauge.loop_ms(40_000, runs=3)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("'--prefix=/opt' '--enable-optimizations' '--with-lto'", "built with PGO and with LTO"),
        ("'--enable-optimizations' '--with-lto=thin'", "built with PGO and with LTO"),
        ("'--prefix=/opt' '--with-lto=no'", "built without PGO and without LTO"),
        ("", "built without PGO and without LTO"),
    ],
)
def test_it_is_told_how_python_was_built(arguments: str, expected: str) -> None:
    assert gauge.interpreter(arguments) == expected


def test_every_saved_table_stands_below_the_machines_speed_and_its_python() -> None:
    described = machine.hardware()
    assert gauge.WHAT in described["speed"]
    assert "PGO" in described["Python"]
