"""The rows of an account's statement: its ledger as PayPal reports it, and captures that have not moved any money."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from malipo_simulators.kit.ids import letters
from malipo_simulators.paypal.objects.models import AuthorizationStatus, Capture, CaptureStatus, Order, RefundStatus
from malipo_simulators.paypal.objects.money import Money, zero
from malipo_simulators.paypal.state.account import Account
from malipo_simulators.paypal.state.book import SIGN, Effect, EffectKind
from malipo_simulators.paypal.state.world import ID_LENGTH, LETTERS

PAYMENT = "T0006"
CODES = {
    EffectKind.AUTHORIZE: "T1300",
    EffectKind.REAUTHORIZE: "T1301",
    EffectKind.RELEASE: "T1302",
    EffectKind.CAPTURE: PAYMENT,
    EffectKind.REFUND: "T1107",
    EffectKind.REFUND_FAILED: "T1100",
    EffectKind.REVERSAL: "T1106",
    EffectKind.HOLD: "T1110",
    EffectKind.HOLD_ENDED: "T1111",
}
"""What PayPal calls T-codes: payment by a checkout API, refund by the merchant, reversal by PayPal, hold for a dispute ..."""
PENDING, SUCCESS, DENIED, REVERSED = "P", "S", "D", "V"
OF_AUTHORIZATION = {AuthorizationStatus.VOIDED: REVERSED, AuthorizationStatus.CAPTURED: SUCCESS}
OF_REFUND = {RefundStatus.PENDING: PENDING, RefundStatus.FAILED: REVERSED}


@dataclass(frozen=True, slots=True)
class Row:
    """`amount` is negative where money went away; `fee`, too, as it was taken. `reported` is when it began to be known.

    Not every id is unique: a capture that was pending has a row as such, too, which did not change the balance.
    """

    id: str
    code: str
    status: str
    amount: Money
    fee: Money
    order: Order
    initiated: int
    updated: int
    reported: int
    reference: str | None
    custom_id: str | None
    invoice_id: str | None
    changes_balance: bool


def rows_of(account: Account) -> list[Row]:
    """All of them, by the time that they were initiated."""
    found = [*waiting_rows(account), *ledger_rows(account)]
    return sorted(found, key=lambda row: row.initiated)


def ledger_rows(account: Account) -> Iterator[Row]:
    for moved in account.ledger:
        if moved.kind is not EffectKind.RELEASE or status_of(account, moved) == REVERSED:
            yield row_of(account, moved)


def row_of(account: Account, moved: Effect) -> Row:
    capture = account.captures.find(moved.id) if moved.kind is EffectKind.CAPTURE else None
    sign = SIGN.get(moved.kind, 1)
    return Row(
        id=id_of(moved),
        code=CODES[moved.kind],
        status=status_of(account, moved),
        amount=Money(sign * moved.amount.minor, moved.amount.currency),
        fee=Money(-moved.fee.minor, moved.fee.currency),
        order=moved.order,
        initiated=capture.created if capture else moved.at,
        updated=capture.updated if capture else moved.at,
        reported=moved.at,
        reference=moved.id if moved.kind in NAMED_ANEW else moved.parent,
        custom_id=moved.custom_id,
        invoice_id=moved.invoice_id,
        changes_balance=moved.kind in SIGN,
    )


NAMED_ANEW = (EffectKind.RELEASE, EffectKind.REFUND_FAILED)
"""What the ledger calls by the id of what they undo."""


def id_of(moved: Effect) -> str:
    if moved.kind not in NAMED_ANEW:
        return moved.id
    return letters(hashlib.sha256(f"{moved.account}/{moved.seq}".encode()).digest(), ID_LENGTH, LETTERS)


def status_of(account: Account, moved: Effect) -> str:
    """As it stands now: a payment that went back wholly is reversed, as is an authorization that was let go."""
    match moved.kind:
        case EffectKind.CAPTURE:
            capture = account.captures.find(moved.id)
            return REVERSED if capture is not None and capture.status is CaptureStatus.REFUNDED else SUCCESS
        case EffectKind.REFUND:
            refund = account.refunds.find(moved.id)
            return OF_REFUND.get(refund.status, SUCCESS) if refund else SUCCESS
        case EffectKind.AUTHORIZE | EffectKind.REAUTHORIZE | EffectKind.RELEASE:
            held = account.authorizations.find(moved.id)
            return OF_AUTHORIZATION.get(held.status, PENDING) if held else PENDING
        case _:
            return SUCCESS


def waiting_rows(account: Account) -> Iterator[Row]:
    """Of captures that are or were pending, or came to nothing: they change no balance."""
    for capture in account.captures:
        if capture.status is CaptureStatus.DECLINED:
            yield waiting_row(capture, DENIED)
        elif capture.due is not None:
            yield waiting_row(capture, PENDING)


def waiting_row(capture: Capture, status: str) -> Row:
    return Row(
        id=capture.id,
        code=PAYMENT,
        status=status,
        amount=capture.amount,
        fee=zero(capture.amount.currency),
        order=capture.order,
        initiated=capture.created,
        updated=capture.updated if status == DENIED else capture.created,
        reported=capture.created,
        reference=capture.authorization.id if capture.authorization else None,
        custom_id=capture.custom_id,
        invoice_id=capture.invoice_id,
        changes_balance=False,
    )
