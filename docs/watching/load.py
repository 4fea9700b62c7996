"""Some minutes of payments of every method, with what goes wrong in a year: so that the dashboards have something to show."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from threading import Event, Thread

import httpx

from malipo import clock
from malipo_local.faults import fault
from malipo_local.merchant import DemoMerchant

_PAUSE_SECONDS = 0.25
_TROUBLE_SECONDS = 40.0

type Wait = Callable[[float], object]


def prepare(merchant: DemoMerchant) -> None:
    """Have the merchant take every method, and customers who agree to what they are asked."""
    for connect in (merchant.connect_mpesa, merchant.connect_paypal, merchant.connect_bank):
        connect()
    merchant.paybill.script("paid", times=None)
    merchant.paypal.script("approve", times=None)


def run(merchant: DemoMerchant, seconds: float, say: Callable[[str], None]) -> None:
    """Have customers pay for so long, while one thing after the other goes wrong, and then nothing."""
    over = Event()
    customers = Thread(target=_pay, args=(merchant, over))
    customers.start()
    end = clock.monotonic() + seconds
    try:
        for what, trouble in _TROUBLES:
            say(what)
            trouble(merchant, lambda part: over.wait(part * min(_TROUBLE_SECONDS, max(0, end - clock.monotonic()))))
        say("all is well again")
        over.wait(max(0, end - clock.monotonic()))
    finally:
        over.set()
        customers.join()


def _pay(merchant: DemoMerchant, over: Event) -> None:
    """One payment after the other, of each method in turn; what cannot be accepted is forgotten."""
    ways: Sequence[Callable[[], object]] = (
        lambda: merchant.pay(prefer="respond-async"),
        lambda: merchant.pay("pm_card_visa_chargeDeclinedInsufficientFunds", prefer="respond-async"),
        lambda: merchant.prompt(prefer="respond-async"),
        lambda: merchant.check_out(prefer="respond-async"),
        merchant.pay,
        lambda: merchant.transfer(prefer="respond-async"),
    )
    number = 0
    while not over.wait(_PAUSE_SECONDS):
        number += 1
        try:
            ways[number % len(ways)]()
        except httpx.HTTPError:
            continue


def _answers_are_lost(merchant: DemoMerchant, wait: Wait) -> None:
    """Doubt: Stripe charges, and neither its answer nor its webhook comes, nor an answer to a query."""
    with ExitStack() as wrong:
        for name, match in (
            ("answer_lost", {"method": "POST", "path": "/v1/payment_intents"}),
            ("error_before_effect", {"method": "GET"}),
            ("webhook_drop", {}),
        ):
            wrong.enter_context(fault(merchant.stripe, name, match=match))
        wait(1)


def _postgresql_is_frozen(merchant: DemoMerchant, wait: Wait) -> None:
    """Lag, and requests that are refused."""
    merchant.stack.pause("postgres")
    wait(0.4)
    merchant.stack.resume("postgres")
    wait(0.6)


def _the_receiver_fails(merchant: DemoMerchant, wait: Wait) -> None:
    """Deliveries that wait."""
    merchant.behave(kind="fail", status=503)
    wait(1)
    merchant.behave()


def _kafka_is_frozen(merchant: DemoMerchant, wait: Wait) -> None:
    """Outboxes that fill."""
    merchant.stack.pause("kafka")
    wait(0.5)
    merchant.stack.resume("kafka")
    wait(0.5)


_TROUBLES: Sequence[tuple[str, Callable[[DemoMerchant, Wait], None]]] = (
    ("Stripe's answers and webhooks are lost", _answers_are_lost),
    ("PostgreSQL does not answer", _postgresql_is_frozen),
    ("the merchant's receiver fails", _the_receiver_fails),
    ("Kafka does not answer", _kafka_is_frozen),
)
