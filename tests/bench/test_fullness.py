"""How full each resource was, and which one is named."""

import pytest

from bench import fullness
from bench.fullness import Held
from bench.watch import OPERATIONS, Watch
from provider_kit.work import CONCURRENT_OPERATIONS


def test_the_slots_of_a_providers_service_are_as_many_as_it_has() -> None:
    assert OPERATIONS == CONCURRENT_OPERATIONS


def test_a_process_counts_by_its_busiest_one_against_one_processor() -> None:
    before = {("gateway", 1): 1.0, ("gateway", 2): 1.0, ("kafka", 3): 0.0}
    after = {("gateway", 1): 3.0, ("gateway", 2): 9.0, ("kafka", 3): 19.0, ("gateway", 4): 5.0}
    shares = fullness.of_processes(before, after, seconds=10)
    assert shares == {"gateway": pytest.approx(0.8)}, "Kafka has many threads, and one that is new was not there before"


def test_a_disk_counts_by_the_time_in_which_it_had_something_to_do() -> None:
    assert fullness.of_disks({"vda": 5.0, "vdb": 0.0}, {"vda": 8.0, "vdb": 1.0}, 10) == {"disk": pytest.approx(0.3)}
    assert fullness.of_disks({}, {}, 10) == {}


def test_what_is_held_is_what_was_seen_since_the_warm_up() -> None:
    watch = Watch({"slots": 4, "never seen": 1})
    watch.add({"slots": 4})
    watch.begin()
    for count in (1, 2, 3):
        watch.add({"slots": count, "of no limit": 7})
    assert watch.held() == {"slots": Held(mean=2, most=3, of=4)}
    assert watch.held()["slots"].share == 0.5


def test_the_fullest_is_named() -> None:
    assert fullness.fullest({"gateway": 0.5, "disk": 0.75}) == ("disk", 0.75)
    assert fullness.fullest({}) == ("nothing known", 0.0)
