"""The bank's webhooks, and its payments wherever else they are shown, as reports of our operations. Pure.

`version` is not kept: what a payment has come to follows from its outcomes in whatever order they come. Only why it waits
would not: of a webhook, which may be late, that makes us ask (decision 0069).
"""

from collections.abc import Sequence
from datetime import datetime

from malipo import clock
from malipo.contracts.outcomes import Unknown
from provider_bank import amounts
from provider_bank.mapping import outcome_of_payment
from provider_bank.objects import ASKED, EVENTS, MOVED, PAYMENT, PAYMENTS, Payment, is_id
from provider_kit.errors import BadSignature
from provider_kit.provider import Callback, CallbackOutcome, NamedOperation, ParsedCallback, ReceivedMoney
from provider_kit.reading import moment

METHOD = "bank_transfer"
_ABOUT_PAYMENTS, _ABOUT_RETURN_REQUESTS = "payment.", "payment.return_request."
_WAITS_FOR_A_REASON = ("held", "unknown")


def read(callback: Callback, event_id: str, debtor_account_id: str) -> ParsedCallback:
    """What a webhook reports that was verified, with the id that its headers have. One whose type says something else than
    the payment in it makes us ask.

    Raises `BadSignature` for one of another account: the bank may sign for all. Raises `ValueError` for what is no event.
    """
    event = EVENTS.decode(callback.body)
    if event.id != event_id:
        raise BadSignature("another event than its headers say")
    if not event.type.startswith(_ABOUT_PAYMENTS):
        return ParsedCallback(event.id)
    payment = PAYMENTS.decode(event.data)
    if payment.debtor_account_id != debtor_account_id:
        raise BadSignature("of another account")
    happened_at = moment(event.created_at)
    if event.type.startswith(_ABOUT_RETURN_REQUESTS) and (request := _answered(payment)):
        return ParsedCallback(event.id, ask=request, happened_at=happened_at)
    if payment.status in _WAITS_FOR_A_REASON or event.type != f"{_ABOUT_PAYMENTS}{payment.status}":
        return _ask(event.id, payment, happened_at)
    return told(event.id, payment, happened_at)


def told(callback_id: str, payment: Payment, happened_at: datetime | None = None) -> ParsedCallback:
    """What a payment, as the bank shows it, says of a charge. What is not understood makes us ask, and so does a return of
    what was asked back: it is the answer to that request.

    Raises `ValueError` for an amount that cannot be.
    """
    outcome = outcome_of_payment(payment)
    if isinstance(outcome, Unknown):
        return _ask(callback_id, payment, happened_at)
    amount = amounts.read(payment.amount, payment.currency)
    money = sent_money(payment) if payment.status in MOVED else None
    report = CallbackOutcome(
        kind="charge",
        references={PAYMENT: payment.id},
        own=payment.end_to_end_id,
        outcome=outcome,
        amount=amount,
        otherwise=money,
    )
    return ParsedCallback(callback_id, (report,), ask=_answered(payment), happened_at=happened_at)


def _answered(payment: Payment) -> Sequence[NamedOperation]:
    """The return request that this answers: it is asked about, and the bank shows whether it was refused, and why."""
    if payment.return_request is None or not payment.answers_request:
        return ()
    return (NamedOperation(kind="return_request", references={ASKED: payment.return_request.id}),)


def _ask(callback_id: str, payment: Payment, happened_at: datetime | None) -> ParsedCallback:
    ask = (NamedOperation(kind="charge", references={PAYMENT: payment.id}, own=payment.end_to_end_id),)
    return ParsedCallback(callback_id, ask=ask, happened_at=happened_at)


def sent_money(payment: Payment) -> ReceivedMoney:
    """The money that has left the account, should no operation of ours explain it."""
    return ReceivedMoney(
        reference=payment.id,
        amount=amounts.read(payment.amount, payment.currency),
        method=METHOD,
        received_at=moment(payment.updated_at) or clock.now(),
        description=described("debit", payment.end_to_end_id),
    )


def described(direction: str, end_to_end_id: str | None) -> str:
    """What a person who looks into it is shown, without the bank's texts: they may be about somebody."""
    named = f", end_to_end_id {end_to_end_id}" if end_to_end_id and is_id(end_to_end_id) else ""
    return f"{direction} at the bank{named}"
