"""Reasons of our own: why nothing is known of an operation of which the provider has said nothing, and what it means that nothing
shows. Pure.
"""

from datetime import timedelta
from typing import Literal, get_args

from malipo.contracts.outcomes import Declined, Outcome, Unknown
from provider_kit.provider import ACCOUNT_CHANGED

ObstacleCode = Literal[
    "configuration_behind",
    "personal_data_behind",
    "personal_data_unreadable",
    "provider_unreachable",
    "provider_misconfigured",
]
"""Why a try could not be sent."""

NOT_SENT_YET = "not sent yet"
"""An operation was asked about that still waits to be sent."""
ARRIVING = "arriving"
"""An operation was asked about that came in meanwhile."""
INTERNAL_ERROR = "internal_error"
"""The provider's code has raised what it may not: a bug."""

UNHEARD: tuple[str, ...] = (*get_args(ObstacleCode), NOT_SENT_YET, ARRIVING, INTERNAL_ERROR)
"""All of them: such an outcome, and a silent one, is no answer of the provider's."""

KEY_MARGIN = timedelta(hours=1)
"""Nothing is repeated in the last hour of a key, so that every request under it has ended before its life has."""
KEY_IS_OLD = Unknown(reason="the key is old")
"""Nothing may be repeated under the key any more, and the provider may yet carry out what was sent under it."""


def without_effect(since: str, book: str) -> Declined:
    """The end of what has no effect once its key is dead, as `A day` after it was sent, in `Stripe's book`."""
    return Declined(code="provider_error", message=f"{since} after the request was sent, {book} shows no effect of it.")


def shown_by_another(seen: Outcome | None) -> Outcome:
    """What an account shows that may not be the one it was sent to: nothing there proves nothing, ever."""
    if seen is None or (isinstance(seen, Unknown) and seen.reference is None):
        return Unknown(reason=ACCOUNT_CHANGED, silent=seen is not None and seen.silent)
    return seen
