"""The matrix can see: each rule of Malipo's, switched off, turns it red."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos import matrix, system
from chaos.broken import BROKEN, Broken, install
from chaos.matrix import Matrix
from chaos.operations import OPERATIONS
from chaos.operations.operation import Operation


@pytest.mark.timeout(500)
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.rule)
def test_the_matrix_turns_red_when_a_rule_is_switched_off(broken: Broken, tmp_path: Path):
    [operation] = [one for one in OPERATIONS if one.name == broken.operation]
    with (
        system.running(overrides=install(broken, tmp_path)) as running,
        matrix.opened(running, [operation], broken.rest_seconds) as opened,
    ):
        assert any(broken.violation in what for what in seen(opened, operation, broken)), f"not noticed: {broken.rule}"


def seen(opened: Matrix, operation: Operation, broken: Broken) -> Iterator[str]:
    """Whatever is red: undisturbed, or where the build is expected to fail."""
    try:
        cells = opened.record(operation)
    except AssertionError as error:
        yield str(error)
        return
    for cell in cells:
        crossing = cell.crossing
        if (crossing.service, crossing.seam) == (broken.service, broken.seam) and crossing.moment in broken.moments:
            yield from opened.crash(cell).broken
