"""What is published of an attempt: its outcome, by whichever way it came, or the obstacle that postponed it. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from malipo import clock
from malipo.contracts.identity import account_name, opened_id
from malipo.contracts.methods import PRINTABLE, REFERENCE_CHARS
from malipo.contracts.outcomes import (
    AttemptPostponed,
    Canceled,
    Exchange,
    OperationOpened,
    Outcome,
    OutcomeReported,
    PaymentReceived,
    Unasked,
    UnmatchedReported,
)
from malipo.contracts.provider_commands import Query, Withdraw
from provider_kit.attempt_rows import ClaimedAttempt
from provider_kit.credentials import Account
from provider_kit.integrity import storable
from provider_kit.provider import Opened, ProviderOperation, ReceivedMoney, kind_of
from redaction import cards
from redaction.text import cleaned

Exchanges = tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a report came from that the provider was not asked for: its account, its id, and the way that it came."""

    provider: str
    account: Account
    callback_id: str
    source: Unasked


def lost(claimed: ClaimedAttempt) -> Exchanges:
    """The try after which its process died, if there was one: somewhere between sending and recording."""
    if not claimed.died:
        return ()
    assert claimed.first_sent_at is not None
    return (Exchange(at=claimed.first_sent_at, error="answer_never_recorded"),)


def outcome_of(claimed: ClaimedAttempt, provider: str, outcome: Outcome, exchanges: Exchanges) -> OutcomeReported:
    """The outcome that ends the attempt."""
    command = claimed.command
    is_query = isinstance(command, Query)
    return OutcomeReported(
        payment_id=command.payment_id,
        operation_id=command.operation_id,
        kind=command.kind if isinstance(command, Query) else kind_of(command),
        provider=provider,
        outcome=outcome,
        source="query" if is_query else "attempt",
        step=command.step,
        observed_at=clock.now(),
        exchanges=exchanges,
        tries=claimed.tries,
    )


def withdrawn(
    operation: Withdraw | ProviderOperation, provider: str, step: int, also_answers: int, exchanges: Exchanges = ()
) -> OutcomeReported:
    """The end of an operation that was never sent, and now never will be: the payment's `step` withdrew it.

    `also_answers` is the step of the last query about it that was not carried out.
    """
    return OutcomeReported(
        payment_id=operation.payment_id,
        operation_id=operation.operation_id,
        kind=operation.kind if isinstance(operation, Withdraw) else kind_of(operation),
        provider=provider,
        outcome=Canceled(),
        source="attempt",
        step=step,
        also_answers=also_answers,
        observed_at=clock.now(),
        exchanges=exchanges,
    )


def unasked(operation: ProviderOperation, outcome: Outcome, origin: Origin) -> OutcomeReported:
    """The outcome of an operation that the provider reported without being asked."""
    return OutcomeReported(
        payment_id=operation.payment_id,
        operation_id=operation.operation_id,
        kind=kind_of(operation),
        provider=origin.provider,
        outcome=outcome,
        source=origin.source,
        step=operation.step,
        callback_id=origin.callback_id,
        observed_at=clock.now(),
    )


def opened(one: Opened, payment_id: str, origin: Origin) -> OperationOpened:
    """What was opened at the provider itself of this payment."""
    return OperationOpened(
        payment_id=payment_id,
        kind=one.kind,
        provider=origin.provider,
        reference=one.reference,
        amount=one.amount,
        outcome=one.outcome and storable(one.outcome),
        opened_at=one.opened_at,
        observed_at=clock.now(),
        reason=one.reason,
        callback_id=origin.callback_id,
        source=origin.source,
    )


def received(
    money: ReceivedMoney, origin: Origin, *, points_at: Sequence[str] = ()
) -> PaymentReceived | UnmatchedReported:
    """Money that no operation explains: a payment if its customer gave a purpose, else kept until a person settles it.

    So is money whose purpose names payments of ours (`points_at`) that do not explain it, or could be no merchant's
    `client_ref`: that goes into logs, traces and webhooks as it is. A person reads it cleaned.
    """
    account, provider = origin.account, origin.provider
    owner = account_name(account.merchant_id, account.mode, account.label)
    common: dict[str, Any] = {
        "merchant_id": account.merchant_id,
        "mode": account.mode,
        "provider": provider,
        "account": account.label,
        "reference": money.reference,
        "amount": money.amount,
        "received_at": money.received_at,
        "observed_at": clock.now(),
    }
    purpose = money.account_reference
    if purpose is None or points_at or not _is_reference(purpose):
        suspense_id = opened_id("sus", money.received_at, owner, provider, money.reference)
        named = points_at[0] if len(points_at) == 1 else None
        told = money.description if purpose is None or _is_reference(purpose) else f"{money.description} {purpose}"
        return UnmatchedReported(id=suspense_id, description=_cleaned(told), points_at=named, **common)
    return PaymentReceived(
        payment_id=opened_id("pay", money.received_at, owner, provider, money.reference),
        method=money.method,
        account_reference=purpose,
        source=origin.source,
        **common,
    )


def _is_reference(text: str) -> bool:
    """Whether the gateway would take it as a merchant's reference of a payment."""
    plain = re.fullmatch(PRINTABLE, text) is not None and not cards.find(text)
    return plain and bool(text) and len(text) <= REFERENCE_CHARS


def _cleaned(text: str) -> str:
    """The text as a line for a person, without what looks like a card number or a secret."""
    return "".join(one if re.fullmatch(PRINTABLE, one) else " " for one in cleaned(text)).strip()


def postponed(
    claimed: ClaimedAttempt,
    operation: ProviderOperation,
    provider: str,
    *,
    code: str,
    detail: str,
    retry_at: datetime,
    exchanges: Exchanges,
) -> AttemptPostponed | None:
    """The obstacle, if it is worth a message: at first, when it is a new one, and at each doubling of the tries."""
    known = claimed.problem is not None and claimed.problem.startswith(f"{code}:")
    if known and claimed.tries & (claimed.tries - 1):
        return None
    return AttemptPostponed(
        payment_id=operation.payment_id,
        operation_id=operation.operation_id,
        kind=kind_of(operation),
        provider=provider,
        step=operation.step,
        code=code,
        detail=detail,
        tries=claimed.tries,
        retry_at=retry_at,
        observed_at=clock.now(),
        exchanges=exchanges,
    )
