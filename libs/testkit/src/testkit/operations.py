"""Operations and attempts for tests of providers: one builder each, with every field open to change."""

from typing import Any

import msgspec

from malipo.contracts.commands import PaymentMethod
from malipo.contracts.descriptor import ProviderDescriptor
from malipo.contracts.personal import parted
from malipo.contracts.provider_commands import Cancel, Capture, Charge, Confirm, Detach, Refund, ReturnRequest, Setup
from malipo.money import Money
from provider_kit.disputes import Dispute
from provider_kit.provider import Attempt, Credentials, ProviderOperation

OWN_BASE = "https://pay.example"
"""Where the addresses of requests' own callbacks begin."""

_USD_10 = Money(1000, "USD")


def card(token: str = "tok_1") -> PaymentMethod:  # noqa: S107 - what a browser gets, no secret
    """A card with this token."""
    return PaymentMethod(type="card", details={"token": token})


def charge(**changes: Any) -> Charge:
    """A charge of 10.00 USD."""
    return Charge(**_common("pay_1.1", {"amount": _USD_10, "method": card(), "capture": "automatic"} | changes))


def setup(**changes: Any) -> Setup:
    """A card that is to be kept, of the customer `customer-7`."""
    given = {"method": card(), "customer_ref": "customer-7", "payment_id": "pm_1"}
    return Setup(**_common("pm_1.1", given | changes))


def confirm(**changes: Any) -> Confirm:
    """A confirm of a charge of 10.00 USD."""
    given = {"reference": "ref_charge", "amount": _USD_10, "capture": "automatic"}
    return Confirm(**_common("pay_1.1.c1", given | changes))


def capture(**changes: Any) -> Capture:
    """A capture of 10.00 USD."""
    return Capture(**_common("cap_1", {"reference": "ref_charge", "amount": _USD_10} | changes))


def cancel(**changes: Any) -> Cancel:
    """A cancel."""
    return Cancel(**_common("can_1", {"reference": "ref_charge"} | changes))


def refund(**changes: Any) -> Refund:
    """A refund of 10.00 USD."""
    return Refund(**_common("ref_1", {"reference": "ref_charge", "amount": _USD_10} | changes))


def return_request(**changes: Any) -> ReturnRequest:
    """A request to give 10.00 USD back."""
    return ReturnRequest(**_common("ret_1", {"reference": "ref_charge", "amount": _USD_10} | changes))


def detach(**changes: Any) -> Detach:
    """A detach of a saved method."""
    return Detach(**_common("det_1", {"reference": "ref_method"} | changes))


def dispute(**changes: Any) -> Dispute:
    """A dispute over 10.00 USD."""
    return Dispute(**_common("dis_1", {"reference": "ref_charge", "amount": _USD_10} | changes))


def attempt(
    operation: ProviderOperation, provider: ProviderDescriptor, credentials: Credentials, **changes: Any
) -> Attempt:
    """The operation as the kit hands it to its provider: what is personal is masked in it, and in clear in `method` alone."""
    path = f"{provider.callbacks_at}cred_1"
    given: dict[str, Any] = {"callback_path": path}
    if provider.own_addresses:
        given["own_address"] = f"{OWN_BASE}{path}/{{}}".format
    if isinstance(operation, Charge | Setup):
        given["method"] = method = provider.read_method(operation.method)
        masked = msgspec.structs.replace(operation.method, details=parted(method)[0])
        operation = msgspec.structs.replace(operation, method=masked)
    return Attempt(operation, credentials, **given | changes)


def _common(operation_id: str, fields: dict[str, Any]) -> dict[str, Any]:
    ids = {"payment_id": "pay_1", "operation_id": operation_id, "merchant_id": "mer_1"}
    return ids | {"mode": "test", "config_version": 1, "step": 1, "client_ref": "order 7"} | fields
