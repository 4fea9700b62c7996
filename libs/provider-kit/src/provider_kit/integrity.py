"""The last check of every outcome of every provider: is it of the operation's amount, storable, safe to follow."""

import re
from urllib.parse import urlsplit

import msgspec

from malipo.contracts.outcomes import (
    AMOUNT_MISMATCH,
    ActionRequired,
    Approval,
    Authorized,
    Declined,
    OtherAction,
    Outcome,
    Redirect,
    Succeeded,
    Unknown,
)
from malipo.contracts.provider_commands import Cancel, Charge, Confirm, Detach, Setup
from malipo.platform.logs import log
from provider_kit.provider import ProviderOperation

_NUL, _REPLACEMENT = rb"\u0000", rb"\ufffd"
_MAX_TEXT_CHARS = 1_000
_MAX_BYTES = 32 * 1024  # far above any address to send a customer to, far below what Kafka takes
_TOO_LARGE = "answer_too_large"
_NO_TEXT = "answer_no_text"
_WEB_ADDRESS = re.compile(r"https?://[!-\[\]-~]+", re.IGNORECASE)  # no space, no control character, no backslash
_NO_PAGE = OtherAction("redirect_to_url")


def checked(operation: ProviderOperation, outcome: Outcome) -> Outcome:
    """`outcome`, or `Unknown` when it reports another amount or currency than `operation`'s; that is logged as an error.

    A charge that is captured by hand may succeed with less than it reserved. A cancel has no amount.

    An outcome that cannot be stored or sent would be retried for ever: a NUL in a text of the provider's is replaced, for
    PostgreSQL takes none; the text of a decline is cut; what then is no text, or too large for a message, is `Unknown`.

    A customer is sent to web addresses alone: anything else becomes an `OtherAction`, which is not followed.
    """
    outcome = storable(_followable(outcome))
    if isinstance(outcome, Succeeded | Authorized) and not _agrees(operation, outcome):
        outcome = Unknown(reason=AMOUNT_MISMATCH, reference=outcome.reference)
    if isinstance(outcome, Unknown) and outcome.reason == AMOUNT_MISMATCH:
        log.error(
            "provider speaks of another amount",
            payment_id=operation.payment_id,
            client_ref=operation.client_ref,
            operation_id=operation.operation_id,
            reference=outcome.reference,
        )
    return outcome


def _followable(outcome: Outcome) -> Outcome:
    match outcome:
        case ActionRequired(action=Redirect(url=url) | Approval(url=url)) if not _is_web_address(url):
            return msgspec.structs.replace(outcome, action=_NO_PAGE)
        case _:
            return outcome


def _is_web_address(url: str) -> bool:
    """Whether a browser may be sent there: http or https, absolute, in plain characters, and without credentials."""
    try:
        parts = urlsplit(url)
        named = parts.hostname and (parts.port or True)
    except ValueError:
        return False
    return bool(named and _WEB_ADDRESS.fullmatch(url) and "@" not in parts.netloc)


def storable(outcome: Outcome) -> Outcome:
    """The outcome as it can be stored and sent: see `checked`."""
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


def _agrees(operation: ProviderOperation, outcome: Succeeded | Authorized) -> bool:
    if isinstance(operation, Cancel | Setup | Detach):
        return isinstance(operation, Cancel)  # of a setup or a detach no money can be
    if isinstance(operation, Charge | Confirm) and operation.capture == "manual" and isinstance(outcome, Succeeded):
        less_or_all = outcome.amount.amount_minor <= operation.amount.amount_minor
        return less_or_all and outcome.amount.currency == operation.amount.currency
    return outcome.amount == operation.amount
