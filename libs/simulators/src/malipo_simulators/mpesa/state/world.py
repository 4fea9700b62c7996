"""All state of one simulator of Daraja, and `record`, the one way in which money moves."""

from collections.abc import Callable
from typing import override
from urllib.parse import urlsplit

from malipo_simulators.kit.book import Book
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.ids import ALPHANUMERIC
from malipo_simulators.kit.scripts import Scripts
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.tokens import Tokens
from malipo_simulators.kit.webhooks.courier import Courier
from malipo_simulators.kit.webhooks.posting import Poster
from malipo_simulators.kit.world import World
from malipo_simulators.mpesa.errors import system_busy
from malipo_simulators.mpesa.faults import MpesaFault, PullQuirk
from malipo_simulators.mpesa.settings import MpesaSettings
from malipo_simulators.mpesa.state.apps import App, Apps
from malipo_simulators.mpesa.state.book import Effect, MpesaBook, Payment, payment_of, total_of
from malipo_simulators.mpesa.state.conversations import Conversations
from malipo_simulators.mpesa.state.initiators import Initiators
from malipo_simulators.mpesa.state.ledger import Ledger, Transaction
from malipo_simulators.mpesa.state.prompts import Prompts
from malipo_simulators.mpesa.state.registrations import Registrations
from malipo_simulators.mpesa.state.scripts import MpesaScripts
from malipo_simulators.mpesa.state.shortcodes import Shortcode
from malipo_simulators.mpesa.times import in_east_africa

CAPITALS = ALPHANUMERIC[:36]
# A receipt begins with its date: a letter for the year (2019 is N), one for the month, and the day, whose tenth is A.
FIRST_YEAR = 2006
TOKEN_LENGTH = 28

type Follower = Callable[[Transaction, Cause], None]
"""Told of each transaction after it is in the ledger, with the request (or page, or timer) that it follows from."""


class MpesaWorld(World[MpesaSettings]):
    """Apps with their tokens, shortcodes, prompts, the ledger, the book. What a room remembers is a store beside these, empty after a reset."""

    def __init__(self, settings: MpesaSettings, poster: Poster) -> None:
        self._followers: list[Follower] = []
        super().__init__(settings, poster, (*MpesaFault, *PullQuirk))

    @override
    def _start_empty(self) -> None:
        super()._start_empty()
        self.book: MpesaBook = Book(total_of)
        self.apps = Apps(self.clock, self.settings)
        self.tokens = Tokens(
            self.ids,
            self.clock,
            self.settings.token_seconds,
            length=TOKEN_LENGTH,
            one_at_a_time=not self.settings.keep_old_tokens,
        )
        self.ledger = Ledger()
        self.registrations = Registrations()
        self.initiators = Initiators()
        self.conversations = Conversations()
        self.prompts = Prompts()
        self.scripts: MpesaScripts = Scripts(self.settings.max_scripts)
        self._shortcodes: dict[str, Shortcode] = {}
        self._couriers: dict[str, Courier] = {}

    def follow(self, follower: Follower) -> None:
        """Have it told of every transaction, also after a reset."""
        self._followers.append(follower)

    def new_receipt(self) -> str:
        """Ten capitals and digits, which begin with the date as M-Pesa's do."""
        today = in_east_africa(self.clock.now())
        date = f"{letter(today.year - FIRST_YEAR)}{letter(today.month)}{CAPITALS[today.day]}"
        return date + self.ids.draw("receipt", 7, CAPITALS)

    def new_request_id(self) -> str:
        """As in `requestId`, MerchantRequestID and the conversations' ids: 1c5b-4fa8-815c-ac45c57a3db01495926."""
        drawn = self.ids.draw("request", 24, "0123456789abcdef")
        number = self.ids.draw("request number", 7, "0123456789")
        return f"{drawn[:4]}-{drawn[4:8]}-{drawn[8:12]}-{drawn[12:]}{number}"

    def app_behind(self, token: str) -> App | None:
        """The app whose live token this is."""
        return self.apps.find(self.tokens.owner(token))

    def shortcode(self, code: str) -> Shortcode:
        """The organisation of this code, made on first sight: five to seven digits, whatever they are."""
        found = self._shortcodes.get(code)
        if found is None:
            if len(self._shortcodes) >= self.settings.max_shortcodes:
                raise system_busy()
            found = self._shortcodes[code] = Shortcode(code, self.settings.passkey)
        return found

    def open_payment(self, account: str, payment: Payment) -> None:
        """From now on it is in the book's totals, and is found there, also if no money ever moves for it."""
        self.book.open(account, payment)

    def payment(self, payment_id: str) -> Payment | None:
        found = self.book.find(payment_id)
        return None if found is None else found[1]

    def payment_behind(self, transaction: Transaction) -> Payment | None:
        """What it moved money for: the prompt's payment, or its own."""
        return self.payment(transaction.checkout_request_id or transaction.receipt)

    def balance_of(self, code: str) -> int:
        """What a shortcode has now, in shillings."""
        return self.settings.opening_balance + self.ledger.balance_of(code) - self.shortcode(code).withdrawn

    def record(self, transaction: Transaction, cause: Cause) -> None:
        """Money has moved: it is in the ledger and in the book, and whoever follows is told."""
        payment = self._moved_for(transaction)
        payment.moved[transaction.kind] = payment.moved.get(transaction.kind, 0) + transaction.amount
        self.ledger.append(transaction)
        self.book.record(Effect(self.book.next_seq, payment.id, transaction))
        for follower in self._followers:
            follower(transaction, cause)

    def _moved_for(self, transaction: Transaction) -> Payment:
        """The prompt's payment, that of what is reversed, or a new one for money that came or went unasked."""
        first = self.ledger.find(transaction.original) if transaction.original else transaction
        assert first is not None, "a reversal names a transaction of the ledger"
        payment = self.payment_behind(first)
        if payment is None:
            payment = payment_of(first)
            self.open_payment(first.account, payment)
        return payment

    def courier_to(self, url: str) -> Courier:
        """One for all URLs of a host: URLs are often made for one payment each."""
        host = urlsplit(url).netloc.lower()
        courier = self._couriers.get(host)
        if courier is None:
            if len(self._couriers) >= self.settings.max_callback_hosts:
                raise system_busy()
            courier = self._couriers[host] = Courier(url, unsigned, self.poster, self.settings)
        return courier

    @override
    def couriers(self) -> list[Courier]:
        return list(self._couriers.values())

    @override
    def counters(self) -> Json:
        return {"apps": len(self.apps), "prompts": len(self.prompts), "effects": self.book.count}


def letter(number: int) -> str:
    """A is one."""
    return chr(ord("A") - 1 + number)


def unsigned(*_: object) -> dict[str, str]:
    """Headers of a callback: Daraja signs none."""
    return {"content-type": "application/json"}
