"""The last check of every outcome, whichever provider and door it came by: not more money than was ordered, storable."""

import msgspec

from malipo.contracts.outcomes import Authorized, Declined, Outcome, Succeeded, Unknown
from malipo.contracts.provider_commands import Cancel, Charge
from malipo.platform.logs import log
from malipo.providers.provider import AMOUNT_MISMATCH, Order

_NUL, _REPLACEMENT = rb"\u0000", rb"\ufffd"
_MAX_TEXT_CHARS = 1_000
_MAX_BYTES = 32 * 1024  # far above any address to send a customer to, far below what Kafka takes
_TOO_LARGE = "answer_too_large"
_NO_TEXT = "answer_no_text"


def checked(order: Order, outcome: Outcome) -> Outcome:
    """`outcome`, or `Unknown` when it speaks of another amount or currency than `order`; both ways logged as an error.

    A charge that is captured by hand may succeed with less than it reserved. A cancel orders no amount.

    An outcome that could not be stored or sent would never end: a NUL in a text of the provider's is replaced, for
    PostgreSQL takes none; the text of a decline is cut; and what then is no text or too large for a message is `Unknown`.
    """
    outcome = _storable(outcome)
    if isinstance(outcome, Succeeded | Authorized) and not _agrees(order, outcome):
        outcome = Unknown(reason=AMOUNT_MISMATCH, reference=outcome.reference)
    if isinstance(outcome, Unknown) and outcome.reason == AMOUNT_MISMATCH:
        log.error(
            "provider speaks of another amount",
            payment_id=order.payment_id,
            client_ref=order.client_ref,
            operation_id=order.operation_id,
            reference=outcome.reference,
        )
    return outcome


def _storable(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Declined) and len(outcome.message) > _MAX_TEXT_CHARS:
        outcome = msgspec.structs.replace(outcome, message=outcome.message[:_MAX_TEXT_CHARS])
    try:
        encoded = msgspec.json.encode(outcome)
    except UnicodeEncodeError:  # half a character
        return Unknown(reason=_NO_TEXT)
    if len(encoded) > _MAX_BYTES:
        return Unknown(reason=_TOO_LARGE)
    if _NUL not in encoded:
        return outcome
    return msgspec.json.decode(encoded.replace(_NUL, _REPLACEMENT), type=Outcome)


def _agrees(order: Order, outcome: Succeeded | Authorized) -> bool:
    if isinstance(order, Cancel):
        return True
    if isinstance(order, Charge) and order.capture == "manual" and isinstance(outcome, Succeeded):
        less_or_all = outcome.amount.amount_minor <= order.amount.amount_minor
        return less_or_all and outcome.amount.currency == order.amount.currency
    return outcome.amount == order.amount
