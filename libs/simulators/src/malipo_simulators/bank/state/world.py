"""All state of one simulator of the bank."""

import hashlib
import hmac
from typing import override

from malipo_simulators.bank.certificates import Certificates
from malipo_simulators.bank.errors import account_forbidden, invalid_client, no_room, unauthenticated
from malipo_simulators.bank.faults import BankFault
from malipo_simulators.bank.objects.models import Payment
from malipo_simulators.bank.rails import Calendar
from malipo_simulators.bank.settings import BankSettings
from malipo_simulators.bank.state.account import Account, Customer
from malipo_simulators.bank.state.book import BankBook, total_of
from malipo_simulators.bank.state.events import Follower, Happening
from malipo_simulators.bank.state.scripts import BankScripts
from malipo_simulators.bank.webhooks.directory import Webhooks
from malipo_simulators.kit.agenda import Agenda
from malipo_simulators.kit.book import Book
from malipo_simulators.kit.scripts import Scripts
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.tokens import Tokens
from malipo_simulators.kit.webhooks.courier import Courier
from malipo_simulators.kit.webhooks.posting import Poster
from malipo_simulators.kit.world import World

ID_LENGTH = 20


class BankWorld(World[BankSettings]):
    """Customers with their accounts, all payments, the book, tokens, scripts, and what is to happen when."""

    def __init__(self, settings: BankSettings, poster: Poster) -> None:
        self._followers: list[Follower] = []
        # Whoever trusts them goes on doing so after a reset.
        self.certificates = Certificates()
        super().__init__(settings, poster, BankFault)

    @override
    def _start_empty(self) -> None:
        super()._start_empty()
        self.agenda = Agenda(self.clock, self.timers)
        self.calendar = Calendar(self.settings.day_seconds)
        self.book: BankBook = Book(total_of)
        self.scripts: BankScripts = Scripts(self.settings.max_scripts)
        self.tokens = Tokens(self.ids, self.clock, self.settings.token_seconds)
        self.customers: dict[str, Customer] = {}
        self.accounts: dict[str, Account] = {}
        # By id, in the order of creation.
        self.payments: dict[str, Payment] = {}
        self._secrets: dict[str, bytes] = {}
        self.webhooks = Webhooks(self.settings, self.poster)

    def follow(self, follower: Follower) -> None:
        """Have it told of every change of a payment, also after a reset."""
        self._followers.append(follower)

    def announce(self, happening: Happening) -> None:
        for follower in self._followers:
            follower(happening)

    def new_id(self, prefix: str) -> str:
        """As in `pmt_...`."""
        return f"{prefix}_{self.ids.draw(prefix, ID_LENGTH)}"

    def client_of(self, client_id: str, secret: str) -> str:
        """The client's id. The first secret that comes with it is its secret from then on: raise invalid_client for others."""
        if not self._is_known(name_in(client_id)):
            raise invalid_client()
        digest = hashlib.sha256(secret.encode()).digest()
        if client_id not in self._secrets and len(self._secrets) >= self.settings.max_accounts:
            raise no_room()
        if not hmac.compare_digest(self._secrets.setdefault(client_id, digest), digest):
            raise invalid_client()
        return client_id

    def customer(self, client_id: str) -> Customer:
        """Whose client it is: `shop.2` is a client of the customer `shop`, as `shop` is.

        Raise 401 if there is no such customer, and 503 when there is no room.
        """
        name = name_in(client_id)
        if not self._is_known(name):
            raise unauthenticated("There is no such customer.")
        if name not in self.customers and len(self.customers) >= self.settings.max_accounts:
            raise no_room()
        return self.customers.setdefault(name, Customer(name))

    def _is_known(self, customer: str) -> bool:
        return not self.settings.customers or customer in self.settings.customers

    def account_of(self, customer: Customer, account_id: str) -> Account:
        """The customer's account: opened when it is first named. Raise 403 if it is another customer's."""
        account = self.accounts.get(account_id)
        if account is None:
            if len(self.accounts) >= self.settings.max_accounts:
                raise no_room()
            account = Account(account_id, customer.id, self.settings.opening_balance_minor)
            self.accounts[account_id] = customer.accounts[account_id] = account
        if account.customer_id != customer.id:
            raise account_forbidden(account_id)
        return account

    @override
    def couriers(self) -> list[Courier]:
        return self.webhooks.couriers()

    @override
    def counters(self) -> Json:
        return {"accounts": len(self.accounts), "payments": len(self.payments), "effects": self.book.count}


def name_in(client_id: str) -> str:
    """Of the customer."""
    return client_id.partition(".")[0]
