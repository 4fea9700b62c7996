"""Which provider gets a payment: a table of what each supports. Pure."""

from dataclasses import dataclass

from malipo.contracts.commands import CreatePayment


@dataclass(frozen=True, slots=True)
class Route:
    """One provider and what it supports; `currencies` of None means every currency that Malipo knows."""

    provider: str
    method: str
    currencies: frozenset[str] | None = None


ROUTES: tuple[Route, ...] = (Route("stripe", "card"),)
"""The first that fits is chosen, unless the merchant names one."""


def route(command: CreatePayment) -> str | None:
    """The provider for a new payment, or None when none supports it."""
    method = command.method.type
    for candidate in ROUTES:
        fits = candidate.method == method and (
            candidate.currencies is None or command.amount.currency in candidate.currencies
        )
        if fits and command.provider in (None, candidate.provider):
            return candidate.provider
    return None
