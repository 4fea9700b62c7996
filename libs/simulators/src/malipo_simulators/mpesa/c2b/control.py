"""Control route of the customers' side: somebody pays by hand."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.c2b.payment import ByHand, complete
from malipo_simulators.mpesa.http.fields import HIGHEST_AMOUNT, PHONE
from malipo_simulators.mpesa.state.ledger import Names
from malipo_simulators.mpesa.state.shortcodes import SHORTCODE
from malipo_simulators.mpesa.state.world import MpesaWorld

TEST_PHONE = "254708374149"


class HandPayment(BaseModel):
    """What a customer types, and the names that M-Pesa has of them. No `bill_reference`: goods paid at a till."""

    model_config = ConfigDict(extra="forbid")

    shortcode: str = Field(pattern=f"^{SHORTCODE.pattern}$")
    phone: str = Field(default=TEST_PHONE, pattern=f"^{PHONE.pattern}$")
    amount: Annotated[int, Field(ge=1, le=HIGHEST_AMOUNT, description="Whole shillings.")]
    bill_reference: str | None = Field(default=None, max_length=20)
    first_name: str = Names().first
    middle_name: str = Names().middle
    last_name: str = Names().last

    def as_typed(self) -> ByHand:
        return ByHand(
            shortcode=self.shortcode,
            phone=self.phone,
            amount=self.amount,
            reference=self.bill_reference or "",
            to_till=self.bill_reference is None,
            names=Names(self.first_name, self.middle_name, self.last_name),
        )


def hand_payment_routes(world: MpesaWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["Customers"])

    @router.post("/c2b", summary="A customer pays by hand")
    async def pay(given: HandPayment) -> Json:
        done = complete(world, given.as_typed(), world.new_receipt(), Cause("POST", "/_sim/c2b"))
        return {"receipt": done.receipt, "status": "completed"}

    return router
