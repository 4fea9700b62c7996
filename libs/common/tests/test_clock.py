"""Durations as people say them."""

from datetime import timedelta

import pytest

from malipo.clock import spoken


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        (timedelta(days=7), "7 days"),
        (timedelta(days=1), "24 hours"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=15), "15 minutes"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(seconds=90), "90 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=0.5), "0.5 seconds"),
    ],
)
def test_a_duration_is_said_in_one_way_everywhere(duration, said):
    assert spoken(duration) == said
