"""What growth costs: the same load and the same lists with ten thousand and with millions of payments."""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import books, stage
from bench.database import tidy
from bench.figures import percentile
from bench.multiply import multiply
from bench.stage import Stage
from bench.stages import Say
from bench.system import SERVICES, Settings, System, running
from malipo import clock
from malipo_local import Stack
from malipo_local.merchant import DemoMerchant

FIRST_PAYMENTS = 10_000
FIRST_RATE = 60.0
LISTS: Mapping[str, Mapping[str, str | int]] = {
    "newest": {"limit": 50},
    "by status": {"status": "completed", "limit": 50},
    "by amount": {"amount_min": 4000, "amount_max": 4100, "limit": 50},
    "by time": {"created_after": "2020-01-01T00:00:00Z", "limit": 50},
    "none fits": {"status": "failed", "created_after": "2020-01-01T00:00:00Z", "limit": 50},
}
ASKED_TIMES, WARM_UP_LISTS = 100, 20


@dataclass(frozen=True)
class Grown:
    """What was measured with this many payments in every database."""

    payments: int
    stage: Stage
    list_p95: dict[str, float]
    """Milliseconds of `GET /v1/payments`, by filter."""


def run(
    payments: int,
    *,
    first_payments: int = FIRST_PAYMENTS,
    rate: float,
    seconds: float,
    settings: Settings,
    say: Say,
) -> tuple[list[Grown], list[str]]:
    """Measure with the first payments, multiply them to `payments`, and measure again; and what the books differ on."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder) / "stack", settings=settings) as stack,
        running(stack) as system,
    ):
        say(f"making the first {first_payments} payments")
        stage.run(system, "first", rate=FIRST_RATE, warm_up=first_payments / FIRST_RATE, seconds=5)
        few = _measured(system, rate, seconds)
        [made] = system.rows("orchestrator", "SELECT count(*) AS payments, min(id) AS oldest FROM payments")
        copies = payments // made["payments"] - 1
        say(f"copying all {copies} times")
        asyncio.run(_multiply_all(system, copies, say))
        many = _measured(system, rate, seconds)
        wrong = [*few.stage.complaints, *many.stage.complaints, *books.differences(system, made["oldest"])]
    return [few, many], wrong


def _measured(system: System, rate: float, seconds: float) -> Grown:
    tidy_all(system)
    [held] = system.rows("orchestrator", "SELECT count(*) AS payments FROM payments")
    measured = stage.run(system, f"{held['payments']} payments", rate=rate, warm_up=20, seconds=seconds)
    lists = {name: _list_p95(system.merchants[0], filters) for name, filters in LISTS.items()}
    return Grown(held["payments"], measured, lists)


def _list_p95(merchant: DemoMerchant, filters: Mapping[str, str | int]) -> float:
    took: list[float] = []
    for _ in range(WARM_UP_LISTS + ASKED_TIMES):
        began = clock.monotonic()
        merchant.api.get("/v1/payments", params=dict(filters)).raise_for_status()
        took.append(1000 * (clock.monotonic() - began))
    return percentile(took[WARM_UP_LISTS:], 0.95)


async def _multiply_all(system: System, copies: int, say: Say) -> None:
    for service in SERVICES:
        await multiply(system.stack.administrator_url(service), copies)
        say(f"  {service}: done")


def tidy_all(system: System) -> None:
    """Tidy every database (`tidy`)."""
    for service in SERVICES:
        asyncio.run(tidy(system.stack.administrator_url(service)))
