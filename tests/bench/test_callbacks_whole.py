"""The benchmark of callbacks for a few seconds, on the real service, with PostgreSQL killed."""

import pytest

from bench.callbacks import trial
from bench.callbacks.senders import SENDERS


@pytest.mark.timeout(600)  # a stack, four stages, and what is refused comes again ever later
def test_no_callback_is_lost_beside_heavy_work_nor_while_postgres_is_killed() -> None:
    found = trial.run(SENDERS["bank"], rate=40, warm_up=1, seconds=4, say=lambda _: None)
    assert found.wrong == []
    assert all(stage.callbacks > 100 for stage in found.stages)
    assert found.documents > 0
    assert found.killed.refused, "those that came while PostgreSQL was away were told to come again"
