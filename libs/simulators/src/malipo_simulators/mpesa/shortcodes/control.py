"""Control routes for shortcodes: say what a PayBill or a till is, and whose."""

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.state.shortcodes import SHORTCODE, Shortcode, ShortcodeKind
from malipo_simulators.mpesa.state.world import MpesaWorld


class Description(BaseModel):
    """What is left out stays as it is; of a shortcode that was not described before, see the README."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(pattern=f"^{SHORTCODE.pattern}$")
    kind: ShortcodeKind | None = None
    passkey: str | None = None
    tills: set[str] | None = Field(default=None, description="Of a store: the till numbers that may be PartyB.")
    apps: set[str] | None = Field(default=None, description="Ids (app_...) of those that may use it; empty: any.")
    exists: bool | None = Field(default=None, description="False: a push is answered `Merchant does not exist`.")


def shortcode_routes(world: MpesaWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/shortcodes", tags=["Shortcodes"])

    @router.post("", summary="Describe a shortcode")
    async def describe(given: Description) -> Json:
        shortcode = world.shortcode(given.code)
        for name, value in given.model_dump(exclude={"code"}, exclude_none=True).items():
            setattr(shortcode, name, value)
        return view(world, shortcode)

    @router.get("/{code}", summary="What is known of a shortcode, with what it has, in shillings")
    async def show(code: str) -> Json:
        if not SHORTCODE.fullmatch(code):
            raise HTTPException(404, "A shortcode has five to seven digits.")
        return view(world, world.shortcode(code))

    return router


def view(world: MpesaWorld, shortcode: Shortcode) -> Json:
    return {
        "code": shortcode.code,
        "kind": shortcode.kind,
        "passkey": shortcode.passkey,
        "tills": sorted(shortcode.tills),
        "apps": sorted(shortcode.apps),
        "exists": shortcode.exists,
        "balance": world.balance_of(shortcode.code),
    }
