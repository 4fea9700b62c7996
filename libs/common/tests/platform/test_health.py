"""What a service says of itself: ready, degraded, or not ready."""

import json

import pytest

from malipo.platform.health import Health


async def ask(health: Health) -> tuple[int, dict]:
    answer = await health._ready(None)
    return answer.status_code, json.loads(answer.body)


@pytest.mark.parametrize(
    ("problem", "worry", "status", "said"),
    [
        (None, None, 200, {"status": "ready", "problems": {}}),
        (None, "one rests", 200, {"status": "degraded", "problems": {"partitions": "one rests"}}),
        ("away", None, 503, {"status": "not ready", "problems": {"database": "away"}}),
        (
            "away",
            "one rests",
            503,
            {"status": "not ready", "problems": {"database": "away", "partitions": "one rests"}},
        ),
    ],
)
async def test_a_worry_is_told_and_takes_nothing_out_of_service(problem, worry, status, said):
    health = Health()
    health.require("database", lambda: problem)
    health.warn("partitions", lambda: worry)
    assert await ask(health) == (status, said)
