"""Control routes of the customers' side, where somebody pays by hand, and of the portal, where URLs are managed."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.c2b import lifecycle
from malipo_simulators.mpesa.c2b.payment import ByHand
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
        """Answers when it has ended; `refused_with` is the validation's code, or `no answer`."""
        ending = await lifecycle.pay(world, given.as_typed(), Cause("POST", "/_sim/c2b"))
        status = "cancelled" if ending.receipt is None else "completed"
        return {"status": status, "receipt": ending.receipt, "refused_with": ending.refused_with}

    return router


class Validation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    enabled: bool


def registration_routes(world: MpesaWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/registrations/{code}", tags=["Portal"])

    @router.get("", summary="What a shortcode has registered")
    async def show(code: str) -> Json:
        """`c2b` and `pull` are null until they are registered."""
        known = world.registrations
        c2b, pull = known.c2b.get(code), known.pull.get(code)
        return {
            "shortcode": code,
            "external_validation": code in known.validating,
            "c2b": asdict(c2b) if c2b else None,
            "pull": asdict(pull) if pull else None,
        }

    @router.delete("", status_code=204, summary="Delete its registrations, so that it can register anew")
    async def forget(code: str) -> None:
        world.registrations.forget(code)

    @router.post("/validation", summary="Switch external validation on or off; off unless asked for")
    async def validation(code: str, wanted: Validation) -> Json:
        validating = world.registrations.validating
        (validating.add if wanted.enabled else validating.discard)(code)
        return {"shortcode": code, "external_validation": wanted.enabled}

    return router
