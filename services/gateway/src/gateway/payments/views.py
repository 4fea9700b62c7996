"""What merchants see of a payment at first, before the orchestrator has answered, and the command that it becomes."""

from datetime import datetime

import msgspec

from gateway.payments.schemas import NewPayment
from malipo import ids
from malipo.contracts.commands import CreatePayment, LatePayments, Mode, PaymentMethod, Transfer
from malipo.contracts.descriptor import MethodRules
from malipo.contracts.events import PaymentView
from malipo.contracts.methods import SavedMethod
from malipo.money import Money

UNDER_WAY = frozenset({"initiated", "processing"})
"""Statuses of a payment for which neither its merchant nor its customer can do anything, and that are no end."""


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What has moved of a payment in the account's balance, in one currency: charge, refunds, disputes. Minor units."""

    currency: str
    amount: int
    fee: int
    net: int


def has_first_state(payment: PaymentView) -> bool:
    """Whether the payment has a first meaningful state: anything but plainly under way."""
    return payment.status not in UNDER_WAY or payment.status_reason is not None


def first_payment(
    body: NewPayment, now: datetime, expires_at: datetime, rules: MethodRules, transfer: Transfer | None
) -> PaymentView:
    """A payment as it is when it is accepted, at the database's `now`. Its id holds that moment to the millisecond."""
    payment_id = ids.new("pay", now)
    made_at = ids.made_at(payment_id)
    return PaymentView(
        id=payment_id,
        status="initiated" if rules.initiates else "processing",
        amount=body.amount,
        currency=body.currency,
        amount_captured=0,
        amount_refunded=0,
        capture=body.capture,
        method=body.method.method_type,
        created_at=made_at,
        updated_at=made_at,
        provider=body.provider,
        account=body.account,
        client_ref=body.client_ref,
        customer_ref=body.customer_ref,
        description=body.description,
        metadata=body.metadata,
        return_url=body.return_url,
        cancel_url=body.cancel_url,
        expires_at=expires_at,
        remittance=body.remittance,
        statement_descriptor=body.statement_descriptor,
        transfer=transfer,
        payment_method=body.method.id if isinstance(body.method, SavedMethod) else None,
        series=body.method.series if isinstance(body.method, SavedMethod) else None,
    )


def create_command(
    payment: PaymentView,
    body: NewPayment,
    method: PaymentMethod,
    *,
    merchant_id: str,
    mode: Mode,
    config_version: int,
    late_payments: LatePayments,
    configured: tuple[str, ...],
) -> CreatePayment:
    """The command that starts the payment."""
    return CreatePayment(
        payment_id=payment.id,
        merchant_id=merchant_id,
        mode=mode,
        amount=Money(body.amount, body.currency),
        method=method,
        capture=body.capture,
        config_version=config_version,
        late_payments=late_payments,
        provider=body.provider,
        configured=configured,
        account=body.account,
        client_ref=body.client_ref,
        customer_ref=body.customer_ref,
        description=body.description,
        metadata=body.metadata,
        return_url=body.return_url,
        cancel_url=body.cancel_url,
        expires_at=payment.expires_at,
        remittance=body.remittance,
        statement_descriptor=body.statement_descriptor,
        save_method=body.save_method,
    )
