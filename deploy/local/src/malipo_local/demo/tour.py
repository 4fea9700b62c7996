"""Plays the stories on a running stack and shows each as it goes."""

import time
from collections.abc import Iterator

import httpx
from rich.console import Console
from rich.markup import escape

from malipo_local.demo import books
from malipo_local.demo.stories import STORIES, Story
from malipo_local.shop import Json, NeverHappened, Shop


class Tour:
    """The stories one after the other; counts those that hold."""

    def __init__(self, shop: Shop, console: Console, started: float) -> None:
        self._shop = shop
        self._console = console
        self._started = started
        self.held = 0
        self.total = len(STORIES) + 1
        self.first_payment_seconds: float | None = None

    def play(self) -> None:
        """Play all of it."""
        for number, story in enumerate(STORIES, 1):
            self._console.rule(f"[bold]{number}. {story.title}[/bold]")
            self._console.print(story.told)
            self._play(story)
        self._compare_books()

    def _play(self, story: Story) -> None:
        try:
            payment_id = story.play(self._shop)
            steps = self._shop.reported(payment_id)
        except (NeverHappened, httpx.HTTPError) as error:
            self._console.print(f"[red]Not as told:[/red] {escape(str(error))}")
            return
        self.held += 1
        if self.first_payment_seconds is None:
            self.first_payment_seconds = time.monotonic() - self._started
        self._show(payment_id, steps)

    def _show(self, payment_id: str, steps: list[Json]) -> None:
        payment = self._shop.payment(payment_id)
        amount = f"{payment['amount'] / 100:.2f} {payment['currency']}"
        self._console.print(f"[green]As told.[/green] {payment_id}  {amount}  [bold]{payment['status']}[/bold]")
        for line in timeline_lines(steps):
            self._console.print(escape(line), soft_wrap=True)
        webhooks = [f"{one['sequence']}. {one['type']}" for one in self._shop.received(payment_id) if one["verified"]]
        self._console.print(f"Received with a good signature: {', '.join(webhooks)}\n")

    def _compare_books(self) -> None:
        self._console.rule(f"[bold]{self.total}. The books[/bold]")
        wrong = books.differences(self._shop) + books.double_charges(self._shop)
        if wrong:
            self._console.print("[red]The books differ:[/red]", *wrong, sep="\n")
            return
        self.held += 1
        count = len(books.malipos(self._shop))
        self._console.print(
            f"[green]Malipo's book equals Stripe's[/green] on all {count} payments; none charged twice.\n"
        )

    def verdict(self) -> str:
        """The last line."""
        first = "never" if self.first_payment_seconds is None else f"{self.first_payment_seconds:.1f} s after the start"
        return f"{self.held} of {self.total} steps held; first completed payment {first}."


def timeline_lines(steps: list[Json]) -> Iterator[str]:
    """A payment's steps, as the API tells them, within 80 columns."""
    for step in steps:
        cause = step["cause"]
        detail = f": {cause['detail']}" if cause["detail"] else ""
        what = f"{step['operation']['kind']} " if step["operation"] else ""
        move = f"{what}{step['from_state']} -> {step['to_state']}"
        yield f"  {step['at'][11:23]}  {move:34} {cause['trigger']} ({cause['source']}{detail})"
        if step["event"]:
            tries = ", ".join(f"{one['result']} in {one['duration_ms']} ms" for one in step["webhooks"])
            yield f"{'':16}webhook {step['event']['type']} {tries}".rstrip()
