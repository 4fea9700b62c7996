"""What payments are made with: the body of a request by each of the four methods, by its number. Pure."""

from collections.abc import Callable, Mapping

_BACK = b'"return_url":"https://shop.example/thanks","cancel_url":"https://shop.example/cart"'


def _card(number: int) -> bytes:
    return b'{"amount":%d,"currency":"USD","method":{"type":"card","token":"pm_card_visa"}}' % _cents(number)


def _mpesa(number: int) -> bytes:
    """In whole shillings, each on a phone of its own: a customer answers one prompt at a time."""
    shillings = 10 + number % 1000
    phone = 11_000_000 + number % 88_000_000  # not 0700...: those are the stand-in's test numbers
    return b'{"amount":%d00,"currency":"KES","method":{"type":"mpesa","phone":"07%08d"}}' % (shillings, phone)


def _paypal(number: int) -> bytes:
    return b'{"amount":%d,"currency":"USD","method":{"type":"paypal"},%b}' % (_cents(number), _BACK)


def _bank_transfer(number: int) -> bytes:
    recipient = b'{"name":"Jane Doe","account":{"number":"000123457890","routing":"021000021"}}'
    return b'{"amount":%d,"currency":"USD","method":{"type":"bank_transfer","rail":"RTP","recipient":%b}}' % (
        _cents(number),
        recipient,
    )


def _cents(number: int) -> int:
    return 100 + number % 5000


BODIES: Mapping[str, Callable[[int], bytes]] = {
    "card": _card,
    "mpesa": _mpesa,
    "paypal": _paypal,
    "bank_transfer": _bank_transfer,
}
"""By the method's type; their customers do at the stand-ins by themselves what is asked of them."""
CARD = "card"
