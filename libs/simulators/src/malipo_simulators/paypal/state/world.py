"""All state of one simulator of PayPal."""

import hashlib
import hmac
from typing import override

from malipo_simulators.kit.book import Book
from malipo_simulators.kit.ids import letters
from malipo_simulators.kit.scripts import Scripts
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.tokens import Tokens
from malipo_simulators.kit.webhooks.courier import Courier
from malipo_simulators.kit.webhooks.posting import Poster
from malipo_simulators.kit.world import World
from malipo_simulators.paypal.errors import invalid_client, no_room
from malipo_simulators.paypal.faults import PaypalFault
from malipo_simulators.paypal.objects.models import Order, Payer
from malipo_simulators.paypal.settings import PaypalSettings
from malipo_simulators.paypal.state.account import Account
from malipo_simulators.paypal.state.book import PaypalBook, total_of
from malipo_simulators.paypal.state.events import Follower, Happening
from malipo_simulators.paypal.state.scripts import PaypalScripts
from malipo_simulators.paypal.webhooks.keyring import Keyring
from malipo_simulators.paypal.webhooks.signing import SIMULATED, Signer

# PayPal's ids have no letter or digit that could be read as another.
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
ID_LENGTH = 17
ACCOUNT_LENGTH = 13
TOKENS_BEGIN = "A21AA"


class PaypalWorld(World[PaypalSettings]):
    """Merchants and what they own, the book of all of them, tokens, scripted payers."""

    def __init__(self, settings: PaypalSettings, poster: Poster) -> None:
        self._followers: list[Follower] = []
        super().__init__(settings, poster, PaypalFault)

    @override
    def _start_empty(self) -> None:
        super()._start_empty()
        self.book: PaypalBook = Book(total_of)
        # By merchant id.
        self.accounts: dict[str, Account] = {}
        self.tokens = Tokens(self.ids, self.clock, self.settings.token_seconds, prefix=TOKENS_BEGIN)
        self.scripts: PaypalScripts = Scripts(self.settings.max_scripts)
        self.keyring = Keyring(self.settings.seed)
        self._mock_couriers: dict[str, Courier] = {}
        self._hurried_seconds = 0

    def follow(self, follower: Follower) -> None:
        """Have it told of every change of state, also after a reset."""
        self._followers.append(follower)

    def tell(self, happening: Happening) -> None:
        for follower in self._followers:
            follower(happening)

    def new_id(self, kind: str) -> str:
        """Of an order, authorization, capture or refund: 17 letters and digits."""
        return self.ids.draw(kind, ID_LENGTH, LETTERS)

    def new_event_id(self) -> str:
        return f"WH-{self.new_id('event')}-{self.new_id('event')}"

    def new_request_id(self) -> str:
        """What PayPal calls the debug id."""
        return self.ids.draw("request", ACCOUNT_LENGTH, "0123456789abcdef")

    def new_payer(self, email: str | None) -> Payer:
        payer_id = self.ids.draw("payer", ACCOUNT_LENGTH, LETTERS)
        return Payer(payer_id, email or f"payer-{payer_id.lower()}@personal.example.com", "John", "Doe", "US")

    def account_of(self, client_id: str, secret: str) -> Account:
        """The merchant of an app. The first secret that comes with a client id is its secret from then on.

        Raise invalid_client for another, and 503 when there is no room.
        """
        name = account_id(client_id)
        account = self.accounts.get(name)
        digest = hashlib.sha256(secret.encode()).digest()
        if account is None:
            if len(self.accounts) >= self.settings.max_accounts:
                raise no_room()
            account = self.accounts[name] = Account(name, client_id, digest, self.clock.now())
        if not hmac.compare_digest(account.secret, digest):
            raise invalid_client()
        return account

    def owner_of(self, token: str) -> Account | None:
        """The account of a live access token."""
        client_id = self.tokens.owner(token)
        return self.accounts.get(account_id(client_id)) if client_id else None

    def find_order(self, order_id: str) -> tuple[Account, Order] | None:
        """Of whichever account: payers know no accounts."""
        found = self.book.find(order_id)
        return (self.accounts[found[0]], found[1]) if found else None

    def mock_courier(self, api_base: str) -> Courier:
        """Of simulated events: each delivery has a URL of its own, and they are signed for no webhook."""
        courier = self._mock_couriers.get(api_base)
        if courier is None:
            signer = Signer(self.keyring, SIMULATED, api_base)
            courier = self._mock_couriers[api_base] = Courier("", signer.write, self.poster, self.settings)
        return courier

    def hurry(self) -> int:
        """Deliver what is due since the clock was moved: each repeat once. Returns how many."""
        moved = self.clock.advanced_seconds - self._hurried_seconds
        self._hurried_seconds = self.clock.advanced_seconds
        return sum(courier.hurry(moved) for courier in self.couriers())

    @override
    def couriers(self) -> list[Courier]:
        webhooks = (webhook for account in self.accounts.values() for webhook in account.webhooks)
        return [*(webhook.courier for webhook in webhooks), *self._mock_couriers.values()]

    @override
    def counters(self) -> Json:
        return {"accounts": len(self.accounts), "effects": self.book.count}


def account_id(client_id: str) -> str:
    """The merchant id of an app: the same client id always has the same one."""
    return letters(hashlib.sha256(client_id.encode()).digest(), ACCOUNT_LENGTH, LETTERS)
