"""What merchants see at first of a method that is to be saved, and the command that it becomes."""

from collections.abc import Sequence
from datetime import datetime

from gateway.setups.schemas import NewPaymentMethod
from malipo import ids
from malipo.contracts.commands import Mode, PaymentMethod, SaveMethod
from malipo.contracts.events import PaymentMethodView
from malipo.contracts.personal import parted


def first_method(body: NewPaymentMethod, now: datetime, expires_at: datetime) -> PaymentMethodView:
    """A method as it is when it is accepted, at the database's `now`. Its id holds that moment to the millisecond."""
    method_id = ids.new("pm", now)
    made_at = ids.made_at(method_id)
    return PaymentMethodView(
        id=method_id,
        type=body.method.method_type,
        status="pending",
        customer_ref=body.customer_ref,
        provider=body.provider,
        account=body.account,
        created_at=made_at,
        updated_at=made_at,
        client_ref=body.client_ref,
        metadata=body.metadata,
        return_url=body.return_url,
        expires_at=expires_at,
    )


def has_first_state(method: PaymentMethodView) -> bool:
    """Whether it is known what becomes of it, or that there is a doubt."""
    return method.status != "pending" or method.status_reason is not None


def save_command(
    method: PaymentMethodView,
    body: NewPaymentMethod,
    *,
    merchant_id: str,
    mode: Mode,
    config_version: int,
    configured: Sequence[str],
) -> SaveMethod:
    """The command that has it saved. Nothing personal goes with it: no method that can be kept has any."""
    details, _ = parted(body.method)
    return SaveMethod(
        payment_id=method.id,
        merchant_id=merchant_id,
        mode=mode,
        method=PaymentMethod(type=details.pop("type"), details=details),
        customer_ref=body.customer_ref,
        config_version=config_version,
        provider=body.provider,
        configured=tuple(configured),
        account=body.account,
        client_ref=body.client_ref,
        metadata=body.metadata,
        return_url=body.return_url,
        expires_at=method.expires_at,
    )
