"""What merchants send for captures, cancels, refunds and return requests, and what the orchestrator may refuse them with."""

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
REFUND_REFUSALS: tuple[RefusalCode, ...] = ("payment_not_refundable", "refund_exceeds_captured", "payment_disputed")
RETURN_REFUSALS: tuple[RefusalCode, ...] = ("return_request_impossible", "return_request_in_progress")
_Reason = Annotated[str, Field(min_length=1, max_length=200), Printable, Words]


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
    reason: _Reason | None = Field(default=None, description="Yours, kept and shown.")
    despite_dispute: bool = Field(
        default=False,
        description="Refund also while a dispute is open: its end may take the money once more, and the provider may decline.",
    )


class NewDetach(Details):
    """Detach the saved method; no fields."""


class NewReturnRequest(Details):
    """Ask for a transfer's money back."""

    problems = TEXT_PROBLEMS
    model_config = ConfigDict(json_schema_extra={"example": {"reason": "sent twice"}})

    reason: _Reason | None = Field(
        default=None,
        description="Why; the recipient's bank may read it. Nothing personal: it is kept and shown as it is.",
    )
