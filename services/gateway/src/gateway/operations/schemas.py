"""What merchants send for captures, cancels and refunds, and what the orchestrator may refuse them with."""

from typing import Annotated

from pydantic import ConfigDict, Field

from gateway.edge.fields import AMOUNT_PROBLEMS, TEXT_PROBLEMS, Amount, Printable, Words
from malipo.contracts.descriptor import Details
from malipo.contracts.events import RefusalCode

CAPTURE_REFUSALS: tuple[RefusalCode, ...] = (
    "payment_not_capturable",
    "capture_exceeds_authorized",
    "capture_in_progress",
    "cancel_in_progress",
)
CANCEL_REFUSALS: tuple[RefusalCode, ...] = ("payment_not_cancelable", "capture_in_progress", "cancel_in_progress")
REFUND_REFUSALS: tuple[RefusalCode, ...] = ("payment_not_refundable", "refund_exceeds_captured")


class NewCapture(Details):
    """Capture what is reserved, or less of it."""

    problems = (*AMOUNT_PROBLEMS, "amount_not_representable")
    model_config = ConfigDict(json_schema_extra={"example": {"amount": 1000}})

    amount: Amount | None = Field(
        default=None, description="Minor units; left out, all that is authorized and not captured yet."
    )
    final: bool = Field(
        default=True,
        description="What a final capture leaves is released. With `false` it stays reserved for further captures, where the "
        "provider does several: `GET /v1/providers` says so.",
    )


class NewCancel(Details):
    """Cancel the payment; no fields."""


class NewRefund(Details):
    """Refund money."""

    problems = (*TEXT_PROBLEMS, *AMOUNT_PROBLEMS, "amount_not_representable")
    model_config = ConfigDict(json_schema_extra={"example": {"amount": 250, "reason": "one item returned"}})

    amount: Amount | None = Field(default=None, description="Minor units; left out, all that is left.")
    reason: Annotated[str, Field(min_length=1, max_length=200), Printable, Words] | None = Field(
        default=None, description="Yours, kept and shown."
    )
