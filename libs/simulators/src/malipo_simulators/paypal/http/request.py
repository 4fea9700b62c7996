"""One API request, read, checked and authenticated, as the operations see it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.errors import PaypalError, detail
from malipo_simulators.paypal.http.shapes import Violation, against_schema
from malipo_simulators.paypal.objects.money import BadAmount, Money, parse
from malipo_simulators.paypal.settings import PaypalSettings
from malipo_simulators.paypal.spec import documented, issues_of
from malipo_simulators.paypal.state.account import Account
from malipo_simulators.paypal.state.change import Change
from malipo_simulators.paypal.state.idempotency import Remembered
from malipo_simulators.paypal.state.world import PaypalWorld

BUSINESS_RULE = 422


@dataclass(frozen=True, slots=True)
class PaypalRequest:
    """`call` is the operationId, `body` what its schema knows of the body, `item_id` the id in the path.

    `raw` is the body as it came. `api_base` is how the client reached us, `page_base` how payers do. `full`: the client
    prefers a representation.
    """

    change: Change
    call: str
    body: Any
    raw: bytes
    item_id: str
    api_base: str
    page_base: str
    full: bool
    idempotency_key: str | None
    key_seconds: int
    query: dict[str, str]

    @property
    def world(self) -> PaypalWorld:
        return self.change.world

    @property
    def account(self) -> Account:
        return self.change.account

    @property
    def settings(self) -> PaypalSettings:
        return self.change.settings

    def issue(
        self,
        issue: str,
        field: str | None = None,
        value: object = None,
        *,
        words: str = "",
        links: Iterable[Json] = (),
    ) -> PaypalError:
        """The error of this issue, with the status and words that PayPal documents for this call."""
        status, known = documented(self.call, issue, BUSINESS_RULE)
        return PaypalError(status, [detail(issue, words or known, field=field, value=value)], links=links)

    def against_schema(self, violations: Iterable[Violation]) -> PaypalError:
        return against_schema(self.call, violations)

    def documents(self, issue: str) -> bool:
        return issue in issues_of(self.call)

    def money(self, given: Json, field: str, *, least: int = 1) -> Money:
        """An amount of at least so many minor units. Raise the issue of what is wrong with it."""
        currency, value = str(given["currency_code"]), str(given["value"])
        try:
            amount = parse(currency, value)
        except BadAmount as bad:
            raise self._bad_amount(bad.issue, field, currency, value) from bad
        if amount.minor < least:
            issue = "CANNOT_BE_ZERO_OR_NEGATIVE" if least else "CANNOT_BE_NEGATIVE"
            raise self.issue(issue, f"{field}/value", value)
        return amount

    def _bad_amount(self, issue: str, field: str, currency: str, value: str) -> PaypalError:
        """The documents of orders have one issue for both kinds of wrong decimals."""
        if issue == "INVALID_CURRENCY_CODE":
            return self.issue(issue, f"{field}/currency_code", currency)
        if issue == "DECIMALS_NOT_SUPPORTED" and not self.documents(issue):
            issue = "DECIMAL_PRECISION"
        return self.issue(issue, f"{field}/value", value)

    def made(self, show: Callable[[bool], Json], status: int = 201) -> Answer:
        """The response to what has just been done. From now on the PayPal-Request-Id stands for it.

        `show` renders it, in full or as little as `return=minimal` has.
        """
        if self.idempotency_key is not None:
            name = (self.change.cause.path, self.idempotency_key)
            made = Remembered(show, self.change.now + self.key_seconds)
            self.account.idempotency.remember(name, made)
        return Answer(status, encode(show(self.full)))
