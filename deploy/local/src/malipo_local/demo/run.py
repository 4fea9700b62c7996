"""`make demo`: plays the tour on a running stack, then stays up for the visitor's own requests."""

import threading
from contextlib import ExitStack

from rich.console import Console

from malipo_local.demo.tour import Tour
from malipo_local.progress import said
from malipo_local.shop import Shop
from malipo_local.stack import Stack


def play(console: Console, stack: Stack, *, began: float, once: bool) -> bool:
    """Play the tour; answers whether every step was as told. Unless `once`, returns only on KeyboardInterrupt.

    `began` is the moment, on the monotonic clock, from which the first payment is timed.
    """
    with ExitStack() as open_until_the_end:
        with said(console, "setting up a merchant: key, Stripe credentials, webhook endpoint"):
            shop = open_until_the_end.enter_context(Shop.open(stack, "demo-shop"))
        tour = Tour(shop, console, began)
        tour.play()
        if not once:
            show_the_doors(console, shop)
        console.print(tour.verdict())
        if not once:
            threading.Event().wait()
    return tour.held == tour.total


def show_the_doors(console: Console, shop: Shop) -> None:
    """Where to go from here."""
    gateway = shop.stack.url("gateway")
    console.rule("[bold]Your turn[/bold]")
    console.print(f"API and its documentation   {gateway}/docs")
    console.print(f"Stripe's stand-in           {shop.stack.url('stripe-sim')}/docs")
    console.print(f"The merchant's mailbox      {shop.stack.url('merchant-sim')}/_sim/received")
    console.print("\nA payment of your own (Ctrl-C here stops everything):\n", style="dim")
    print(first_curl(gateway, shop.key))  # not through rich: it must survive copy and paste


def first_curl(gateway: str, key: str) -> str:
    """A ready command line."""
    body = '{"amount": 1250, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}'
    return (
        f"curl -s {gateway}/v1/payments -H 'X-API-Key: {key}' \\\n"
        f"  -H 'Idempotency-Key: '$(date +%s) -H 'Content-Type: application/json' \\\n  -d '{body}'\n"
    )
