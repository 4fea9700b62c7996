"""Answers that take as long as a real provider's: the distribution, its seed, and answers that never come."""

import asyncio
from statistics import quantiles

import httpx
import pytest
from pydantic import ValidationError

from malipo_simulators.kit.ids import MILLION, Ids
from malipo_simulators.kit.latency import AT_ONCE, Latencies, Latency

REAL = Latency(p50_seconds=0.12, p99_seconds=0.4, cap_seconds=2)


def drawn(seed: str, latency: Latency, count: int):
    latencies = Latencies(Ids(seed))
    latencies.set_to = latency
    return [latencies.draw() for _ in range(count)]


def test_half_and_all_but_one_of_a_hundred_answers_take_no_longer_than_was_asked_for():
    waits = [wait.seconds for wait in drawn("seed", REAL, 20_000)]
    percentiles = quantiles(waits, n=100)
    assert percentiles[49] == pytest.approx(0.12, rel=0.03)
    assert percentiles[98] == pytest.approx(0.4, rel=0.1)
    assert REAL.at(MILLION // 2) == pytest.approx(0.12, rel=0.001)


def test_no_answer_takes_longer_than_the_cap():
    assert REAL.at(MILLION - 1) < 2
    assert max(wait.seconds for wait in drawn("seed", REAL.model_copy(update={"cap_seconds": 0.4}), 2_000)) == 0.4


def test_the_seed_decides_how_long_each_answer_takes():
    some = REAL.model_copy(update={"timeouts": 0.5})
    assert drawn("a", some, 50) == drawn("a", some, 50) != drawn("b", some, 50)


def test_a_share_of_the_answers_never_comes():
    waits = drawn("seed", REAL.model_copy(update={"timeouts": 0.1, "timeout_seconds": 7}), 5_000)
    assert 400 < sum(wait.silent_seconds == 7 for wait in waits) < 600
    assert {wait.silent_seconds for wait in waits} == {0, 7}


def test_answers_come_at_once_unless_something_is_set():
    assert Latencies(Ids("seed")).draw() is AT_ONCE


@pytest.mark.parametrize(
    "wrong",
    [
        {"p50_seconds": 0.4, "p99_seconds": 0.12},
        {"p50_seconds": 0.1, "p99_seconds": 3, "cap_seconds": 2},
        {"p50_seconds": 0, "p99_seconds": 1},
        {"p50_seconds": 0.1, "p99_seconds": 1, "timeouts": 2},
        {"p50_seconds": 0.1, "p99_seconds": 1, "mean": 1},
    ],
)
def test_what_is_no_distribution_is_refused(wrong):
    with pytest.raises(ValidationError):
        Latency(**wrong)


@pytest.mark.asyncio
async def test_a_simulator_is_slow_once_it_is_told_and_quick_again_after_a_reset(stripe):
    assert (await stripe.http.get("/_sim/latency")).json() is None
    slow = {"p50_seconds": 0.2, "p99_seconds": 0.2}
    shown = await stripe.http.put("/_sim/latency", json=slow)
    assert shown.json() == slow | {"cap_seconds": 30, "timeouts": 0, "timeout_seconds": 60}
    paying = asyncio.create_task(stripe.pay())
    assert await stripe.effects() == [], "money moves only when the wait is over"
    assert (await paying).status_code == 200
    assert await stripe.effects() == [("charge", 1000)]
    await stripe.http.post("/_sim/reset")
    assert (await stripe.http.get("/_sim/latency")).json() is None


@pytest.mark.asyncio
async def test_an_answer_that_never_comes_leaves_its_effect_and_a_closed_connection(stripe):
    never = {"p50_seconds": 0.001, "p99_seconds": 0.001, "timeouts": 1, "timeout_seconds": 0.05}
    await stripe.http.put("/_sim/latency", json=never)
    with pytest.raises(httpx.RemoteProtocolError):
        await stripe.pay(idempotency_key="k1")
    await stripe.http.delete("/_sim/latency")
    assert (await stripe.pay(idempotency_key="k1")).status_code == 200
    assert await stripe.effects() == [("charge", 1000)]
