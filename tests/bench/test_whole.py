"""What a whole run may claim: when its figures are sound, and what the price of the promise is."""

import json
from dataclasses import replace

import pytest

from bench import goals, report
from bench.load import Shot
from bench.stage import Stage, errors_of
from bench.stages import Found
from bench.subject import Counts, Endings
from bench.whole import Run

OURS = Stage(
    name="highest",
    rate=100,
    seconds=60,
    accepted=6000,
    delivered=6000,
    errors={},
    create=(5, 20),
    added=(10, 40),
    webhook=(15, 60),
    provider_ms=2,
    cpu={"gateway": 3, "orchestrator": 1, "postgres": 1, "postgres/gateway": 4, "redis": 1, "kafka": 2, "generator": 9},
    processors=1.5,
    late_p99=1,
    backlog=2,
    work=Counts(),
    payments=7000,
    peak_mb={},
    loop_ms=33.0,
    shares={"gateway": 0.4, "the machine's processors": 0.75, "disk": 0.1},
)
BARE = replace(OURS, name="bare path", cpu={"gateway": 1, "orchestrator": 1, "kafka": 2, "generator": 9})


def a_run(bare: Stage) -> Run:
    return Run(Found(replace(OURS, cpu={"gateway": 1, "generator": 9}), OURS, [OURS]), OURS, bare, wrong=[], machine={})


def test_a_run_is_sound_only_if_the_bare_path_kept_up_too() -> None:
    assert a_run(BARE).sound
    assert not a_run(replace(BARE, backlog=51)).sound
    assert not a_run(replace(BARE, errors={"never notified": 1})).sound


def test_a_process_that_was_started_again_is_an_error_of_the_stage_by_its_name() -> None:
    before, after = Counts(ends={"gateway-0": 1, "kafka": 0}), Counts(ends={"gateway-0": 3, "kafka": 0})
    endings = Endings(completed={"pay_1": 1.0}, delivered={"pay_1": 1.1}, webhooks=1)
    shots = [Shot(due=0.5, seconds=0.1, late=0.0, status=202, payment_id="pay_1")]
    assert errors_of(shots, endings, 1, after.since(after), settled=True) == {}
    errors = errors_of(shots, endings, 1, after.since(before), settled=True)
    assert errors == {"gateway-0 ended": 2}
    [*_, shown] = report.stages_table([replace(OURS, errors=errors)]).columns
    assert list(shown.cells) == ["2 x gateway-0 ended"]


def test_the_price_of_the_promise_is_given_without_the_stores_and_with_them() -> None:
    shown = json.loads(report.line(a_run(BARE), seconds=1))
    assert shown["cpu_ratio_to_bare_path"] == pytest.approx(4 / 2)
    assert shown["cpu_ratio_with_stores"] == pytest.approx((4 + 8) / (2 + 2))


def test_the_highest_rate_of_the_bare_path_is_shown_where_it_was_sought() -> None:
    sought = replace(a_run(BARE), bare_highest=replace(BARE, delivered=12_000))
    assert json.loads(report.line(sought, seconds=1))["bare_path_payments_per_second"] == 200
    assert json.loads(report.line(a_run(BARE), seconds=1))["bare_path_payments_per_second"] is None
    assert list(report.price_table(sought).columns[1].cells)[-1] == "0.50"


def test_what_is_fullest_and_the_machines_speed_stand_beside_every_stage() -> None:
    drawn = report.limits_table([OURS])
    [row] = zip(*(column.cells for column in drawn.columns), strict=True)
    assert row[2:4] == ("the machine's processors", "75%")
    assert row[5:7] == ("9.00", "33.0")
    line = json.loads(report.line(a_run(BARE), seconds=1))
    assert line["fullest_at_the_highest"] == "the machine's processors"
    assert (line["generator_cpu_ms_per_payment"], line["fixed_loop_ms"]) == (9.0, 33.0)


def test_the_goals_of_a_run_are_those_of_its_rates_its_latency_and_its_price() -> None:
    sought = replace(a_run(BARE), bare_highest=replace(BARE, delivered=12_000))
    reached = {goal.name: goal.reached for goal in goals.of_run(sought)}
    assert list(reached.values()) == [False, True, False, True, True]
    assert len(goals.of_run(a_run(BARE))) == 4, "the bare path's own highest rate is not always sought"


def test_every_stage_that_figures_are_taken_of_must_be_without_an_error() -> None:
    assert not replace(a_run(BARE), compared=replace(OURS, errors={"no answer": 1})).sound
    same = a_run(BARE)
    assert len(replace(same, compared=same.found.highest).judged) == 3
    assert len(report.run_tables(same)) == 6
