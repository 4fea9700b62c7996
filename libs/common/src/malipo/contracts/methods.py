"""Methods that several providers may take."""

from typing import Annotated, Literal

from pydantic import Field

from malipo.contracts.descriptor import Method

PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""A text without line breaks and other control characters."""
REFERENCE_CHARS = 100
"""So long may a merchant's own reference of a payment or of a customer be."""

REMITTANCE_CHARS = 140
"""So long may the text for a recipient be, as in ISO 20022."""


SAVED = "saved"
"""The type of a method that was saved before."""
Initiator = Literal["customer", "merchant"]


class SavedMethod(Method):
    """A method that was saved before, by its id. `initiator` is who has this payment made: a customer who is there and can be
    asked, or the merchant alone.
    """

    problems = ("text_empty", "text_too_long", "text_control_characters", "choice_unknown")

    type: Literal["saved"]
    id: Annotated[str, Field(min_length=1, max_length=64, pattern=PRINTABLE)]
    initiator: Initiator


class CardMethod(Method):
    """A card that the provider's browser library has tokenised. Never a card number."""

    problems = ("text_empty", "text_too_long", "text_control_characters")

    type: Literal["card"]
    token: Annotated[str, Field(min_length=1, max_length=255, pattern=PRINTABLE)]
