"""A method that is saved without a payment, in a payment's place: how it begins, what ends it, what merchants see. Pure."""

from collections.abc import Mapping
from datetime import datetime

from malipo import ids
from malipo.contracts.commands import SaveMethod
from malipo.contracts.events import PaymentMethodStatus
from malipo.contracts.outcomes import Canceled, Declined, Outcome
from malipo.contracts.providers import METHODS, PROVIDERS, life_of
from malipo.money import Money
from malipo.platform.tracing import TRACEPARENT
from orchestrator.payment import Payment
from orchestrator.states import State, Subject, Trigger

NO_MONEY = Money(0, "USD")
"""The amount of what moves none: its currency says nothing."""

STATUSES: dict[State, PaymentMethodStatus] = {
    State.INITIATED: "pending",
    State.PROCESSING: "pending",
    State.PENDING: "pending",
    State.IN_DOUBT: "pending",
    State.REQUIRES_ACTION: "requires_action",
    State.COMPLETED: "active",
    State.FAILED: "failed",
    State.CANCELED: "expired",
}
"""What merchants see of a method that is saved without a payment, by its state."""


def new_setup(command: SaveMethod, headers: Mapping[str, str], now: datetime) -> Payment:
    """What keeps a method without a payment. Without `expires_at` it gets the lifetime of a payment with that method."""
    return Payment(
        id=command.payment_id,
        subject=Subject.SETUP,
        merchant_id=command.merchant_id,
        mode=command.mode,
        amount=NO_MONEY,
        method=command.method,
        capture="automatic",
        config_version=command.config_version,
        account=command.account,
        customer_ref=command.customer_ref,
        client_ref=command.client_ref,
        metadata=command.metadata,
        return_url=command.return_url,
        save_method=True,
        traceparent=headers.get(TRACEPARENT),
        expires_at=command.expires_at or now + life_of(command.method.type),
        created_at=ids.made_at(command.payment_id),
        updated_at=now,
    )


def route_setup(command: SaveMethod) -> str | None:
    """The provider that keeps the method, the one that the merchant names if it does; None when none can."""
    for provider, rules in METHODS.get(command.method.type, {}).items():
        asked = command.provider in {None, provider} and provider in command.configured
        if asked and rules.saves and "setup" in PROVIDERS[provider].operations:
            return provider
    return None


def of_the_setup(
    payment: Payment, trigger: Trigger, outcome: Outcome | None, now: datetime
) -> tuple[Trigger, Outcome | None]:
    """What an end without the method means: that its time is over, or else that the provider has decided against it.

    What is canceled at the provider before its time, nobody here has canceled.
    """
    if payment.subject is not Subject.SETUP:
        return trigger, outcome
    match outcome:
        case Canceled(reference=reference) if now < payment.expires_at:
            return Trigger.DECLINED, Declined(code="setup_canceled", reference=reference)
        case Declined(code="expired", reference=reference):
            return Trigger.CANCELED, Canceled(reference=reference)
        case _:
            return trigger, outcome
