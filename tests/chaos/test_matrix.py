"""A fixed sample of the crash matrix: each seam of each service, its sides by turns, spread over all operations."""

import pytest

from chaos import matrix, system
from chaos.operations import OPERATIONS


@pytest.mark.timeout(900)
def test_killed_at_any_seam_every_service_keeps_the_promise():
    with system.running() as running, matrix.opened(running) as opened:
        cells = [cell for operation in OPERATIONS for cell in opened.record(operation)]
        assert matrix.missing(cells) == []
        chosen = matrix.spread(matrix.sample(cells, each_side=False))
        results = [opened.crash_any(*matrix.alike(cell, cells)) for cell in chosen]
        assert [result for result in results if not result.green] == []
