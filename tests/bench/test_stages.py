"""The benchmarks themselves, for a few seconds: what they need of the system is still there, and their figures add up."""

import asyncio
import math
from collections.abc import Generator
from pathlib import Path
from typing import get_args

import pytest
from rich.table import Table

from bench import books, machine, page, stage
from bench.bare.path import SERVICES as PATH
from bench.bare.path import bare_path
from bench.database import tidy
from bench.endurance import look
from bench.hops import Trace, spread
from bench.methods import BODIES
from bench.multiply import multiply
from bench.stage import Stage
from bench.system import BY_THEMSELVES, SERVICES, SETTINGS, STORES, running
from bench.watch import LOG
from malipo.contracts.providers import PROVIDERS
from malipo_local import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    with Stack(tmp_path_factory.mktemp("stack"), settings=SETTINGS | BY_THEMSELVES) as up:
        yield up


def flaws(measured: Stage) -> list[str]:
    """What a stage lacks whose books agree. Other providers' services have nothing to do, so may use no time at all."""
    unmeasured = [f"no processor time of {service}" for service in PATH if not measured.cpu_of([service]) > 0]
    figures = {"payments delivered": measured.delivered, "time of a request": measured.create[1]}
    return [*measured.complaints, *unmeasured, *(f"no {name}" for name, value in figures.items() if not value > 0)]


def test_a_stage_of_the_whole_system_measures_every_process_and_the_books_agree(stack: Stack) -> None:
    with running(stack, merchants=1) as system:
        trace = Trace(system)
        measured, shots = stage.with_shots(system, "fixed", rate=10, warm_up=1, seconds=3)
        assert flaws(measured) == []
        hops = spread(trace.of(shots))
        assert hops.payments == measured.accepted, "every hop of every payment is recorded"
        assert hops.whole.p50 == pytest.approx(measured.webhook[0], rel=0.01)
        assert measured.cpu.keys() >= set(SERVICES)
        assert measured.added[0] < measured.webhook[0]
        assert measured.provider_ms > 0
        assert measured.cpu.keys() >= {f"postgres/{service}" for service in SERVICES}
        assert sum(measured.work.messages.values()) >= 6 * measured.payments
        assert measured.work.transactions.keys() == set(SERVICES)
        assert set(PATH) <= measured.work.rows.keys() <= set(SERVICES), "who has nothing to do writes nothing"
        assert books.differences(system) == []
        assert measured.shares.keys() >= {*PATH, "the machine's processors"}
        assert measured.fullest[1] == max(measured.shares.values()) > 0
        limited = measured.held["provider-stripe: slots of its executor"], measured.held[LOG]
        assert all(0 <= one.mean <= one.most <= one.of for one in limited)
        assert "fsync on" in machine.describe(system, SETTINGS)["PostgreSQL"]


def test_what_is_there_at_a_moment_is_seen_of_every_service_and_store(stack: Stack) -> None:
    with running(stack, merchants=1) as system:
        seen = look(system, 0.0)
    assert seen.memory_mb.keys() == seen.files.keys() == {*SERVICES, *STORES}
    assert min(*seen.memory_mb.values(), *seen.files.values()) > 0
    assert {service for service, _ in seen.sizes} == set(SERVICES)
    assert seen.sizes["orchestrator", "history"].total > 0


def test_a_payment_whose_webhook_is_refused_at_first_counts_once_and_is_complained_of(stack: Stack) -> None:
    with running(stack, merchants=1) as system:
        system.merchants[0].behave(kind="fail", times=1)
        measured = stage.run(system, "fixed", rate=10, warm_up=1, seconds=3)
    assert measured.errors == {"webhook repeated or refused": 1}
    assert not measured.holds
    assert measured.delivered < measured.payments


def test_payments_are_multiplied_and_tidied_in_every_database(stack: Stack) -> None:
    counts = {"gateway": "payments", "orchestrator": "history", "provider-stripe": "attempts"}
    with running(stack, merchants=1) as system:
        stage.run(system, "fixed", rate=10, warm_up=1, seconds=2)
        for service, table in counts.items():
            [before] = system.rows(service, f"SELECT count(*) FROM {table}")
            asyncio.run(multiply(stack.administrator_url(service), 3))
            [after] = system.rows(service, f"SELECT count(*) FROM {table}")
            assert 0 < before["count"] * 4 == after["count"]
            asyncio.run(tidy(stack.administrator_url(service)))
            of_rows = "relid IN (SELECT oid FROM pg_class WHERE relkind = 'r')"  # a table in months has none of its own
            untidy = (
                f"SELECT FROM pg_stat_user_tables WHERE (last_vacuum IS NULL OR last_analyze IS NULL) AND {of_rows}"
            )
            assert not system.rows(service, untidy)


def test_all_methods_are_paid_with_in_turn_and_the_books_of_every_provider_agree(stack: Stack) -> None:
    with running(stack, merchants=1, all_providers=True) as system:
        measured = stage.run(system, "mixed", rate=8, warm_up=1, seconds=4, methods=tuple(BODIES))
        assert measured.complaints == []
        of_today = "SELECT min(id) AS oldest FROM payments WHERE created_at > now() - interval '12 hours'"
        [made] = system.rows("orchestrator", of_today)  # copies of payments are some days older
        assert books.differences(system, made["oldest"]) == []
        paid = system.rows("orchestrator", "SELECT DISTINCT provider FROM payments")
        assert {row["provider"] for row in paid} == set(PROVIDERS)


def test_a_stage_of_the_bare_path_is_measured_like_one_of_the_system(stack: Stack, tmp_path: Path) -> None:
    with bare_path(stack, tmp_path) as path:
        measured = stage.run(path, "bare path", rate=10, warm_up=1, seconds=3)
    assert flaws(measured) == []
    assert math.isnan(measured.added[0])
    assert 0 < measured.webhook[0] <= measured.webhook[1]
    assert sum(measured.work.messages.values()) >= 6 * measured.payments


def test_figures_are_written_between_the_marks_of_the_page(tmp_path: Path) -> None:
    written = tmp_path / "page.md"
    written.write_text("before\n<!-- rates: begin -->\nold\n<!-- rates: end -->\nafter\n")
    table = Table("CPU ms a payment", "half")
    table.add_row("gateway", "1.25")
    page.save("rates", {"Python": "3.12"}, "make bench", [table], written)
    text = written.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| gateway | 1.25 |" in text
    assert "* Python: 3.12" in text
    with pytest.raises(ValueError, match="growth"):
        page.save("growth", {}, "make bench", [table], written)


def test_the_page_has_a_place_for_each_part() -> None:
    for part in get_args(page.Part):
        text = page.page_of(part).read_text()
        assert text.count(f"<!-- {part}: begin -->") == text.count(f"<!-- {part}: end -->") == 1
