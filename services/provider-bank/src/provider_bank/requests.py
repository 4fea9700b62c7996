"""Malipo's operations as the bank's requests: the same bytes for the same operation, for ever. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import msgspec

from malipo.contracts.provider_commands import Charge
from malipo.contracts.providers.bank import BankTransferMethod, own_reference
from provider_bank import amounts
from provider_bank.objects import PAYMENTS_PATH
from provider_kit.provider import Attempt

TOKEN_PATH = "/oauth2/token"  # noqa: S105 - no secret
_REASON_CHARACTERS = 140
# What neither httpx nor yarl writes in another way: a signature is of the path and the query as they arrive.
_UNQUOTED = ":/?@!$'()*,"


@dataclass(frozen=True, slots=True)
class BankRequest:
    """One POST. `key` is its `Idempotency-Key`, under which a repeat has no second effect."""

    path: str
    key: str
    body: bytes


def transfer(attempt: Attempt, charge: Charge, debtor_account_id: str) -> BankRequest:
    """What carries out a charge."""
    method = attempt.method
    assert isinstance(method, BankTransferMethod)  # the bank has no other
    assert method.rail is not None  # it was chosen when the payment was accepted
    body: dict[str, object] = {
        "end_to_end_id": own_reference(charge.operation_id),
        "rail": method.rail,
        "amount": amounts.written(charge.amount),
        "currency": charge.amount.currency,
        "debtor_account_id": debtor_account_id,
        "creditor": method.recipient.model_dump(exclude_none=True),
    }
    if charge.remittance:
        body["remittance"] = charge.remittance
    return BankRequest(PAYMENTS_PATH, attempt.key_for("charge"), msgspec.json.encode(body))


def cancellation(attempt: Attempt, payment_id: str) -> BankRequest:
    """What cancels a payment."""
    return BankRequest(f"{payment(payment_id)}/cancel", attempt.key_for("cancel"), b"{}")


def return_request(attempt: Attempt, payment_id: str, reason: str | None) -> BankRequest:
    """What has the other bank asked to give a payment back."""
    body = {"reason": reason[:_REASON_CHARACTERS]} if reason else {}
    where = f"{payment(payment_id)}/return-request"
    return BankRequest(where, attempt.key_for("return-request"), msgspec.json.encode(body))


def payment(payment_id: str) -> str:
    """The path of one payment. Ids are ours to check: none leaves its place in the path."""
    return f"{PAYMENTS_PATH}/{quote(payment_id, safe='')}"


def by_own_reference(operation_id: str, debtor_account_id: str) -> Mapping[str, str]:
    """The query that finds a charge's payment by the name that we gave it, which is unique within its account."""
    return {"end_to_end_id": own_reference(operation_id), "debtor_account_id": debtor_account_id}


def target(path: str, query: Mapping[str, str] | None) -> str:
    """The path with its query, as the request's first line has them."""
    return f"{path}?{urlencode(query, safe=_UNQUOTED, quote_via=quote)}" if query else path
