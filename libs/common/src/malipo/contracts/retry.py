"""What a decline says of the next try: may the same method be charged again, when, or who has to do something first."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from malipo.contracts.message import Moment

Advice = Literal["try_again_later", "check_details", "ask_customer", "do_not_try_again"]
"""One vocabulary for all providers: the same method later, once its details are right, while the customer is there, or never."""


class RetryAdvice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a provider has told with a decline, in our words, and the network's own codes as they are.

    `after_seconds`: so long the method is to be left alone, if that was told.
    """

    advice: Advice | None = None
    after_seconds: int | None = None
    network_decline_code: str | None = None
    network_advice_code: str | None = None


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """The same as merchants see it. `not_before` is a time of ours."""

    advice: Advice | None = None
    not_before: Moment | None = None
    network_decline_code: str | None = None
    network_advice_code: str | None = None


def retry_of(told: RetryAdvice | None, now: datetime) -> Retry | None:
    """What was told at `now`, as merchants see it; None where nothing was."""
    if told is None:
        return None
    return Retry(
        advice=told.advice,
        not_before=None if told.after_seconds is None else now + timedelta(seconds=told.after_seconds),
        network_decline_code=told.network_decline_code,
        network_advice_code=told.network_advice_code,
    )
