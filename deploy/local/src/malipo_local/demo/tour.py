"""Plays the stories on a running stack and shows each as it goes."""

import time
from collections.abc import Iterator

import httpx
from rich.console import Console
from rich.markup import escape

from malipo_local.demo import books
from malipo_local.demo.stories import STORIES
from malipo_local.demo.story import Story
from malipo_local.merchant import DemoMerchant, Json, NeverHappened


class Tour:
    """The stories one after the other; counts those that hold."""

    def __init__(self, merchant: DemoMerchant, console: Console, started: float) -> None:
        self._merchant = merchant
        self._console = console
        self._started = started
        self.held = 0
        self.total = len(STORIES) + 1
        self.first_payment_seconds: float | None = None

    def play(self) -> None:
        """Play all of it."""
        for number, story in enumerate(STORIES, 1):
            self._console.rule(f"[bold]{number}. {story.title}[/bold]")
            self._console.print(story.events)
            self._play(story)
        self._compare_books()

    def _play(self, story: Story) -> None:
        try:
            payment_id = story.play(self._merchant)
            entries = self._merchant.reported(payment_id)
        except (NeverHappened, httpx.HTTPError) as error:
            self._console.print(f"[red]Not as expected:[/red] {escape(str(error))}")
            return
        self.held += 1
        if self.first_payment_seconds is None:
            self.first_payment_seconds = time.monotonic() - self._started
        self._show(payment_id, entries)

    def _show(self, payment_id: str, entries: list[Json]) -> None:
        payment = self._merchant.payment(payment_id)
        amount = f"{payment['amount'] / 100:.2f} {payment['currency']}"
        self._console.print(f"[green]As expected.[/green] {payment_id}  {amount}  [bold]{payment['status']}[/bold]")
        for line in timeline_lines(entries):
            self._console.print(escape(line), soft_wrap=True)
        webhooks = [
            f"{one['sequence']}. {one['type']}" for one in self._merchant.received(payment_id) if one["verified"]
        ]
        self._console.print(f"Received with a good signature: {', '.join(webhooks)}\n")

    def _compare_books(self) -> None:
        self._console.rule(f"[bold]{self.total}. The books[/bold]")
        wrong = books.differences(self._merchant) + books.double_charges(self._merchant)
        if wrong:
            self._console.print("[red]The books differ:[/red]", *wrong, sep="\n")
            return
        self.held += 1
        count = len(books.malipos(self._merchant))
        self._console.print(
            f"[green]Malipo's book equals Stripe's, M-Pesa's, PayPal's and the bank's[/green] on all {count} payments; none made twice.\n"
        )

    def result(self) -> str:
        """The last line."""
        first = "never" if self.first_payment_seconds is None else f"{self.first_payment_seconds:.1f} s after the start"
        return f"{self.held} of {self.total} steps held; first completed payment {first}."


def timeline_lines(entries: list[Json]) -> Iterator[str]:
    """A payment's timeline from the API, in some 80 columns: of each entry what it is about and its result."""
    event_types = {
        entry["id"]: entry["event"]["type"] for entry in entries if entry["kind"] == "step" and entry["event"]
    }
    for entry in entries:
        text = _shown(entry, event_types.get(entry["cause"], ""))
        yield f"  {entry['at'][11:23]}  {entry['service'].removeprefix('webhook-'):15}  {text}"
        for exchange in entry.get("exchanges", ()):
            request = f"{exchange['method']} {exchange['path']}" if "method" in exchange else "an earlier try"
            took = f" in {exchange['duration_ms']} ms" if "duration_ms" in exchange else ""
            yield f"{'':33}{request}: {exchange.get('status') or exchange['error'].replace('_', ' ')}{took}"


def _shown(entry: Json, event_type: str) -> str:
    about = "" if entry["about"] in ("payment", "event") else f"{entry['about']} "
    match entry["kind"]:
        case "request":
            return f"{entry['method']} {entry['path']}"
        case "step":
            detail = f": {entry['detail']}" if entry["detail"] else ""
            moved = f"{about}{entry['from_state']} -> {entry['to_state']}"
            return f"{moved}  {entry['trigger']} ({entry['source']}{detail})"
        case "postponed" | "refusal":
            return f"{about}{entry['kind']}: {entry['code']}"
        case "webhook":
            return f"webhook {event_type}: {entry['result']} in {entry['duration_ms']} ms"
        case kind:
            why = entry["code"] or entry["reason"]
            without_effect = ", no effect" if entry["effect"] == "none" else ""
            return f"{about}{kind}: {entry['result']}{f' ({why})' if why else ''}{without_effect}"
