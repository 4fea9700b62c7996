"""The benchmark of the dispatcher: what is lost is told, its figures add up, and a few seconds of it on the real service."""

import json
import math
from dataclasses import replace

import pytest

from bench import goals
from bench.callbacks.senders import event_id
from bench.webhooks import report, trial
from bench.webhooks.delivering import Delivering, with_window
from bench.webhooks.dispatcher import HEALTHY
from bench.webhooks.feed import Fed
from bench.webhooks.trial import Trial

ALONE = Delivering(
    name="alone",
    rate=100,
    seconds=60,
    events=6000,
    delivered=6000,
    told=(20.0, 60.0),
    cpu={
        "webhook-dispatcher": 2.0,
        "postgres": 1.0,
        "postgres/webhook-dispatcher": 1.0,
        "kafka": 1.0,
        "generator": 9.0,
    },
)
TRIAL = Trial(ALONE, replace(ALONE, repeated=3), replace(ALONE, told=(25.0, 75.0)), {})


def test_deliveries_per_core_are_what_the_dispatchers_cpu_would_do_on_a_whole_one() -> None:
    assert (ALONE.per_core, ALONE.per_core_with_stores) == (500, 200)
    killed = replace(ALONE, cpu={**ALONE.cpu, "webhook-dispatcher": 0.0})
    assert math.isnan(killed.per_core)
    assert math.isnan(killed.per_core_with_stores)


def test_what_is_measured_is_from_when_an_event_was_due_to_its_2xx() -> None:
    window = [Fed(number, HEALTHY[0], 100.0, 0.001) for number in range(100)]
    delivered = {event_id(number): 100.0 + (number + 1) / 1000 for number in range(99)}
    found = with_window(ALONE, window, delivered, {"webhook-dispatcher": 0.198})
    assert found.delivered == 99
    assert found.told == (pytest.approx(50), pytest.approx(99))
    assert found.cpu == {"webhook-dispatcher": pytest.approx(2.0)}


def test_an_event_that_is_lost_is_what_went_wrong_in_the_run() -> None:
    assert TRIAL.wrong == []
    assert replace(TRIAL, killed=replace(ALONE, name="killed", lost=1)).wrong == ["killed: 1 events lost"]


def test_the_price_of_bad_endpoints_is_the_healthy_ones_p99_beside_them_times_that_alone() -> None:
    assert TRIAL.ratio == pytest.approx(1.25)
    assert [goal.reached for goal in goals.of_webhooks(TRIAL)] == [True, True]
    assert json.loads(report.line(TRIAL, seconds=1))["deliveries_per_second_per_core"] == 500
    assert [table.row_count for table in report.tables(TRIAL)] == [3, 4]


@pytest.mark.timeout(600)  # a stack, four stages, and what the killed dispatcher held is claimed anew after its lease
def test_no_event_is_lost_when_the_dispatcher_is_killed_nor_beside_bad_endpoints() -> None:
    found = trial.run(rate=20, warm_up=1, seconds=4, say=lambda _: None)
    assert found.wrong == []
    assert all(stage.events > 50 for stage in found.stages)
    assert found.alone.repeated == 0
    assert found.alone.per_core > found.alone.per_core_with_stores > 0
