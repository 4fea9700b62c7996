"""What a service says of itself: ready, degraded, or not ready."""

import json

import pytest
from prometheus_client import REGISTRY
from starlette.requests import Request

from http_limits.limits import STOPPING
from malipo.platform.health import Health


async def ask(health: Health, **state: object) -> tuple[int, dict]:
    answer = await health._ready(Request({"type": "http", "state": state}))
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


async def test_a_process_that_was_told_to_stop_is_not_ready_any_more():
    status, said = await ask(Health(), **{STOPPING: True})
    assert (status, said["status"], list(said["problems"])) == (503, "not ready", ["stopping"])


def test_each_check_that_has_something_to_say_is_a_metric():
    health, wrong = Health(), None
    health.require("database of a test", lambda: wrong)

    def shown() -> float | None:
        return REGISTRY.get_sample_value("malipo_health_problems", {"check": "database of a test"})

    assert shown() == 0
    wrong = "away"
    assert shown() == 1
