"""Resident memory of every process, idle and after many payments: `python tests/bench/memory.py [--payments 10000]`."""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from malipo_local import Stack
from malipo_local.demo import books
from malipo_local.shop import Shop
from malipo_local.waiting import until

AT_ONCE = 16
UNLIMITED = {"gateway": {"RATE_LIMIT_PER_SECOND": "100000", "RATE_LIMIT_BURST": "100000"}}
DRAIN_SECONDS = 300


def main(payments: Annotated[int, typer.Option(min=1, max=1_000_000)] = 10_000) -> None:
    """Start a stack, note its memory, make payments, note it again; exits 1 if the books differ."""
    console = Console()
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder) / "stack", settings=UNLIMITED) as stack,
        Shop.open(stack) as shop,
    ):
        idle = stack.rss()
        began = time.monotonic()
        pay_many(shop, payments)
        seconds = time.monotonic() - began
        console.print(table(idle, stack.rss()))
        console.print(f"{payments} payments in {seconds:.0f} s: {payments / seconds:.0f} a second, {AT_ONCE} at once")
        wrong = books.differences(shop) + books.double_charges(shop)
        console.print(*wrong[:10] or ["Malipo's book equals Stripe's."], sep="\n")
    raise typer.Exit(bool(wrong))


def pay_many(shop: Shop, payments: int) -> None:
    """Make payments from several threads, each waiting for its answer, and let the last of them end."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        paying = pool.map(lambda number: shop.pay(amount=1000 + number % 5000), range(payments))
        for _ in track(paying, "Payments", total=payments):
            pass
    until(lambda: not shop.api.get("/v1/payments", params={"status": "processing"}).json()["data"], DRAIN_SECONDS)


def table(idle: dict[str, float], loaded: dict[str, float]) -> Table:
    """Both readings side by side, in MB."""
    drawn = Table("process", "idle MB", "after MB")
    for name in sorted(idle):
        drawn.add_row(name, f"{idle[name]:.0f}", f"{loaded.get(name, 0):.0f}")
    drawn.add_row("all", f"{sum(idle.values()):.0f}", f"{sum(loaded.values()):.0f}")
    return drawn


if __name__ == "__main__":
    typer.run(main)
