"""Which provider gets a payment: the first by name that takes its method, amount and capture. Pure."""

from malipo.contracts.commands import CreatePayment
from malipo.contracts.providers import METHODS


def route(command: CreatePayment) -> str | None:
    """The provider for a new payment, the one that the merchant names if it does; None when none takes it."""
    for provider, rules in METHODS.get(command.method.type, {}).items():
        asked = command.provider in {None, provider} and provider in command.configured
        if asked and rules.takes(command.amount, command.capture):
            return provider
    return None
