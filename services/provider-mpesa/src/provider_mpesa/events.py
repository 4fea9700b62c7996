"""M-Pesa's callbacks as reports. Nobody signs them: all but the answers to our own requests are hints. Pure."""

from collections.abc import Mapping
from datetime import timedelta

from malipo.contracts.outcomes import AMOUNT_MISMATCH, PAYER_MISMATCH, Unknown
from malipo.contracts.provider_commands import Charge, Refund
from malipo.platform.logs import log
from provider_kit.bodies import name_of_body
from provider_kit.errors import BadSignature
from provider_kit.provider import (
    Addressed,
    Callback,
    CallbackOutcome,
    NamedOperation,
    ParsedCallback,
    Unmatched,
    kind_of,
)
from provider_mpesa.codes import DONE
from provider_mpesa.mapping import (
    CHECKOUT,
    CONVERSATION,
    MISFIT,
    ORIGINATOR,
    RECEIPT,
    mask_of,
    outcome_of_reversal_result,
    outcome_of_status_result,
)
from provider_mpesa.objects import RESULT_REPORT, STK_REPORT, Result, StkCallback, id_of, money_of, text_of
from provider_mpesa.prompt_names import is_of_another, kept, phone_fits_mask
from provider_mpesa.requests import TO_REVERSAL_QUEUE, TO_STATUS, TO_STATUS_QUEUE

SHOWN_WITHIN = timedelta(hours=2)
"""How late a statement may show a payment before a person is alerted: the longest lateness that can be set, and as long again."""
ACKNOWLEDGED: Mapping[str, object] = {"ResultCode": 0, "ResultDesc": "Accepted"}
"""What M-Pesa waits for, whatever it has reported."""
_TO_BE_CONTINUED = "1"
"""A result's type: there will be another."""
_HINT = Unknown(reason="a hint")
"""The outcome of what is not believed: it makes us ask."""


def parse(callback: Callback, *, statement: bool = False) -> ParsedCallback:
    """What a callback reports. One that comes again has the same id, which is made of all of it.

    `statement`: whether the account's is read, which shows what nobody has signed.

    Raises `BadSignature` for one that came to the own address of a request, and names another.
    """
    name, about = name_of_body(callback.body), callback.about
    if about is not None and about.request in (TO_REVERSAL_QUEUE, TO_STATUS_QUEUE):
        return _to_be_asked(name, about)  # a request that waited for too long in a queue of M-Pesa's
    try:
        return _prompt_ended(name, STK_REPORT.decode(callback.body).body.callback, about, statement=statement)
    except ValueError:
        pass
    try:
        return _carried_out(name, RESULT_REPORT.decode(callback.body).result, about)
    except ValueError:
        log.error("callback not understood", size_bytes=len(callback.body))
        return _to_be_asked(name, about)


def _to_be_asked(name: str, about: Addressed | None) -> ParsedCallback:
    ask = [] if about is None else [NamedOperation(kind=kind_of(about.operation))]
    return ParsedCallback(name, ask=ask, reply=ACKNOWLEDGED)


def _prompt_ended(name: str, found: StkCallback, about: Addressed | None, *, statement: bool) -> ParsedCallback:
    """Raises `ValueError` for what names no prompt."""
    checkout = id_of(found.checkout)
    if checkout is None:
        raise ValueError
    charge = about.operation if about is not None and isinstance(about.operation, Charge) else None
    claims = {CHECKOUT: kept(checkout, charge and mask_of(charge))}
    late: list[Unmatched] = []
    if about is not None and charge is not None:
        if is_of_another(checkout, mask_of(charge)):
            raise BadSignature("another number's checkout")
        _require(claims[CHECKOUT], about, CHECKOUT)
        claims |= _claims(found, charge)
        late = _paid_late(found, statement=statement) if about.failed else []
    hint = CallbackOutcome(kind="charge", references=claims, outcome=_HINT)
    return ParsedCallback(name, outcomes=[hint], unmatched=late, reply=ACKNOWLEDGED, hastens=bool(late))


def _paid_late(found: StkCallback, *, statement: bool) -> list[Unmatched]:
    """What is kept of a payment that is told of after its prompt has failed: the statement shows it, or a person looks."""
    if text_of(found.result) != DONE or found.receipt is None:
        return []
    waits = SHOWN_WITHIN if statement else None
    amount = next(map(money_of, found.facts("Amount")), None)
    return [Unmatched("paid_after_failure", {RECEIPT: found.receipt}, amount, unless_ours=True, waits=waits)]


def _claims(found: StkCallback, charge: Charge) -> dict[str, str]:
    """What the callback of this very prompt says of a payment: its receipt, or what of it does not fit."""
    if text_of(found.result) != DONE:
        return {}
    if any(money_of(told) != charge.amount for told in found.facts("Amount")):
        return {MISFIT: AMOUNT_MISMATCH}
    if not all(phone_fits_mask(told, mask_of(charge)) for told in found.facts("PhoneNumber")):
        return {MISFIT: PAYER_MISMATCH}
    receipt = found.receipt
    return {RECEIPT: receipt} if receipt else {}


def _carried_out(name: str, found: Result, about: Addressed | None) -> ParsedCallback:
    """A reversal's result, or the answer to our question how one stands. Believed at the own address of a request alone."""
    ids = {CONVERSATION: id_of(found.conversation), ORIGINATOR: id_of(found.originator)}
    references = {role: reference for role, reference in ids.items() if reference}
    if text_of(found.kind) == _TO_BE_CONTINUED:
        return _to_be_asked(name, about)
    if about is None or not isinstance(about.operation, Refund):
        hint = CallbackOutcome(kind="refund", references=references, outcome=_HINT)
        return ParsedCallback(name, outcomes=[hint], reply=ACKNOWLEDGED)
    if about.request == TO_STATUS:
        return _stands(name, found, about, about.operation)
    _require(references.get(CONVERSATION), about, CONVERSATION)
    outcome = outcome_of_reversal_result(about.operation, found)
    told = CallbackOutcome(kind="refund", references=references, outcome=outcome)
    return ParsedCallback(name, confirmed=[told], reply=ACKNOWLEDGED)


def _stands(name: str, found: Result, about: Addressed, refund: Refund) -> ParsedCallback:
    """What names no conversation, as the payment's own status does, says nothing of its reversal."""
    conversation = found.fact("ConversationID")
    _require(conversation, about, CONVERSATION)
    outcome = outcome_of_status_result(refund, found) if conversation in about.references.all(CONVERSATION) else None
    if outcome is None:
        return ParsedCallback(name, reply=ACKNOWLEDGED)
    return ParsedCallback(name, confirmed=[CallbackOutcome(kind="refund", outcome=outcome)], reply=ACKNOWLEDGED)


def _require(told: str | None, about: Addressed, role: str) -> None:
    """Raise `BadSignature` unless the callback names the request that its address is of, as far as that is known."""
    known = about.references.all(role)
    if known and told and told not in known:
        msg = f"another {role}"
        raise BadSignature(msg)
