"""Control routes for API users and the certificate that seals their passwords."""

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.initiators.certificate import CERTIFICATE
from malipo_simulators.mpesa.state.initiators import PASSWORD, Initiator, Role
from malipo_simulators.mpesa.state.shortcodes import SHORTCODE
from malipo_simulators.mpesa.state.world import MpesaWorld


class ApiUser(BaseModel):
    """An API user as the portal would have it."""

    model_config = ConfigDict(extra="forbid")

    shortcode: str = Field(pattern=f"^{SHORTCODE.pattern}$")
    name: str = Field(min_length=1)
    password: str = PASSWORD
    roles: set[Role] = Field(default=set(Role), description="What it may initiate; else result code 21.")
    locked: bool = Field(default=False, description="Result code 8006. Five wrong passwords in a row do it, too.")


def initiator_routes(world: MpesaWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["API users"])

    @router.get("/certificate.cer", summary="The certificate to encrypt initiators' passwords with")
    async def certificate() -> Response:
        return Response(CERTIFICATE, media_type="application/x-pem-file")

    @router.post("/initiators", status_code=201, summary="Make an API user, or change one")
    async def put(given: ApiUser) -> Json:
        """`testapi` exists for every shortcode. Making it again unlocks it."""
        initiator = Initiator(given.name, given.password, set(given.roles), locked=given.locked)
        world.initiators.put(given.shortcode, initiator)
        return given.model_dump(exclude={"password"}, mode="json")

    return router
