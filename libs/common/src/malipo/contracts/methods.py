"""Methods that several providers may take."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from malipo.contracts.descriptor import Method, Pattern

PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""A text without line breaks and other control characters."""
REFERENCE_CHARS = 100
"""So long may a merchant's own reference of a payment or of a customer be."""

REMITTANCE_CHARS = 140
"""So long may the text for a recipient be, as in ISO 20022."""


SAVED = "saved"
"""The type of a method that was saved before."""
Initiator = Literal["customer", "merchant"]
SERIES = "^[A-Za-z0-9][A-Za-z0-9._:~-]{0,99}$"
"""What a merchant may call a series, so that it fits a path as it is."""
SERIES_MUST = "a letter or digit, and behind it up to 99 letters, digits and . _ : ~ -"


class SavedMethod(Method):
    """A method that was saved before, by its id. `initiator` is who has this payment made: a customer who is there and can be
    asked, or the merchant alone. The charge is one of the `series`, whose rules it has to keep.
    """

    problems = ("text_empty", "text_too_long", "text_control_characters", "choice_unknown")

    type: Literal["saved"]
    id: Annotated[str, Field(min_length=1, max_length=64, pattern=PRINTABLE)]
    initiator: Initiator
    series: Annotated[str, Pattern(SERIES, "value_invalid", SERIES_MUST)] | None = Field(
        default=None,
        description="Your own id of the mandate by which it is charged, whose rules `PUT /v1/series/{id}` has set.",
    )
    despite_decline: bool | None = Field(
        default=None, description="`true`: charge it though its last decline has said `do_not_try_again`."
    )


def is_over(exp_year: int, exp_month: int, now: datetime) -> bool:
    """Whether the last month of a card is over, in UTC."""
    return (now.year, now.month) > (exp_year, exp_month)


class CardMethod(Method):
    """A card that the provider's browser library has tokenised. Never a card number."""

    problems = ("text_empty", "text_too_long", "text_control_characters")

    type: Literal["card"]
    token: Annotated[str, Field(min_length=1, max_length=255, pattern=PRINTABLE)]
