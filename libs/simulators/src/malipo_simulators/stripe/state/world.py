"""All state of one Stripe simulator."""

import hashlib
from typing import override

from malipo_simulators.kit.book import Book
from malipo_simulators.kit.ids import letters
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.webhooks.courier import Courier
from malipo_simulators.kit.webhooks.posting import Poster
from malipo_simulators.kit.world import World
from malipo_simulators.stripe.errors import invalid
from malipo_simulators.stripe.faults import StripeFault
from malipo_simulators.stripe.objects.models import PaymentIntent
from malipo_simulators.stripe.settings import StripeSettings
from malipo_simulators.stripe.state.account import Account
from malipo_simulators.stripe.state.book import StripeBook, total_of
from malipo_simulators.stripe.webhooks.endpoint import Endpoint


class StripeWorld(World[StripeSettings]):
    """The accounts and what they own, and the book of all of them."""

    def __init__(self, settings: StripeSettings, poster: Poster) -> None:
        super().__init__(settings, poster, StripeFault)

    @override
    def _start_empty(self) -> None:
        super()._start_empty()
        self.book: StripeBook = Book(total_of)
        self.accounts: dict[str, Account] = {}

    def mint(self, prefix: str, length: int = 24) -> str:
        """A new id, shaped like Stripe's."""
        return f"{prefix}_{self.ids.draw(prefix, length)}"

    def account_of(self, api_key: str) -> Account:
        """The account behind a key, made on first sight."""
        name = account_id(api_key)
        account = self.accounts.get(name)
        if account is None:
            if len(self.accounts) >= self.settings.max_accounts:
                raise invalid("This simulator has no room for accounts.")
            account = self.accounts[name] = Account(name, self.clock.now(), self.settings)
        return account

    def find_intent(self, intent_id: str) -> tuple[Account, PaymentIntent] | None:
        found = self.book.find(intent_id)
        return None if found is None else (self.accounts[found[0]], found[1])

    def endpoints(self) -> list[Endpoint]:
        return [endpoint for account in self.accounts.values() for endpoint in account.endpoints]

    @override
    def couriers(self) -> list[Courier]:
        return [endpoint.courier for endpoint in self.endpoints()]

    @override
    def counters(self) -> Json:
        return {"accounts": len(self.accounts), "effects": self.book.count}


def account_id(api_key: str) -> str:
    """The account behind a key: the same key always means the same account, and the key cannot be read back."""
    return f"acct_{letters(hashlib.sha256(api_key.encode()).digest(), 16)}"
