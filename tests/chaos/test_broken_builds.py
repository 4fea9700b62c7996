"""The matrix can see: each rule of Malipo's, switched off, turns it red."""

from pathlib import Path

import pytest

from chaos import matrix, system
from chaos.broken import BROKEN, Broken, install
from chaos.operations import OPERATIONS


@pytest.mark.timeout(500)
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.rule)
def test_the_matrix_turns_red_when_a_rule_is_switched_off(broken: Broken, tmp_path: Path):
    [operation] = [one for one in OPERATIONS if one.name == broken.operation]
    with (
        system.running(overrides=install(broken, tmp_path)) as running,
        matrix.opened(running, [operation], broken.rest_seconds) as opened,
    ):
        cells = [
            cell
            for cell in opened.record(operation)
            if (cell.crossing.service, cell.crossing.seam) == (broken.service, broken.seam)
            and cell.crossing.moment in broken.moments
        ]
        seen = (what for cell in cells for what in opened.crash(cell).broken)
        assert any(broken.violation in what for what in seen), f"not noticed: {broken.rule}"
