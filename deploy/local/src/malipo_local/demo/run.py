"""`make demo`: plays the tour on a running stack, then stays up for the visitor's own requests."""

import threading
from contextlib import ExitStack

from rich.console import Console

from malipo_local.demo.tour import Tour
from malipo_local.merchant import DemoMerchant
from malipo_local.progress import said
from malipo_local.stack import Stack

_BY_CARD = '{"amount": 1250, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}'
_BY_PHONE = '{"amount": 10000, "currency": "KES", "method": {"type": "mpesa", "phone": "0712 345678"}}'
_BY_BANK = (
    '{"amount": 80000, "currency": "USD", "remittance": "Invoice 7", "method": {"type": "bank_transfer",\n'
    '       "recipient": {"name": "Jane Doe", "account": {"number": "000123457890", "routing": "021000021"}}}}'
)
_BY_PAYPAL = (
    '{"amount": 4500, "currency": "USD", "method": {"type": "paypal"},\n'
    '       "return_url": "https://shop.example/thanks", "cancel_url": "https://shop.example/cart"}'
)


def play(console: Console, stack: Stack, *, began: float, once: bool) -> bool:
    """Play the tour; returns whether every step was as expected. Unless `once`, returns only on KeyboardInterrupt.

    `began` is the moment, on the monotonic clock, from which the first payment is timed.
    """
    with ExitStack() as open_until_the_end:
        with said(
            console, "setting up a merchant: key, credentials of Stripe, M-Pesa, PayPal and a bank, webhook endpoint"
        ):
            merchant = open_until_the_end.enter_context(DemoMerchant.open(stack, "demo-merchant"))
            merchant.connect_mpesa()
            merchant.connect_paypal()
            merchant.connect_bank()
        tour = Tour(merchant, console, began)
        tour.play()
        if not once:
            show_the_doors(console, merchant)
        console.print(tour.result())
        if not once:
            threading.Event().wait()
    return tour.held == tour.total


def show_the_doors(console: Console, merchant: DemoMerchant) -> None:
    """Where to go from here."""
    gateway = merchant.stack.url("gateway")
    console.rule("[bold]Your turn[/bold]")
    console.print(f"API and its documentation   {gateway}/docs")
    console.print(f"Stripe's stand-in           {merchant.stack.url('stripe-sim')}/docs")
    console.print(f"M-Pesa customers' phones    {merchant.stack.url('mpesa-sim')}/_sim/phone")
    console.print(
        f"PayPal's stand-in           {merchant.stack.url('paypal-sim')}/docs; a payer's page is the payment's action.url"
    )
    console.print(f"The bank's desk             {merchant.stack.url('bank-sim')}/_sim/desk")
    console.print(f"The merchant's webhooks     {merchant.stack.url('merchant-sim')}/_sim/received")
    console.print("\nA payment of your own (Ctrl-C here stops everything):\n", style="dim")
    for body in (_BY_CARD, _BY_PHONE, _BY_PAYPAL, _BY_BANK):  # not through rich: they must survive copy and paste
        print(curl(gateway, merchant.key, body))


def curl(gateway: str, key: str, body: str) -> str:
    """A ready command line."""
    return (
        f"curl -s {gateway}/v1/payments -H 'X-API-Key: {key}' \\\n"
        f"  -H 'Idempotency-Key: '$(date +%s) -H 'Content-Type: application/json' \\\n  -d '{body}'\n"
    )
