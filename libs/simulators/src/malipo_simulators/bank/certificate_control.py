"""Control routes for certificates: partners are given theirs, and everybody the authority's."""

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.bank.certificates import Certificates, described
from malipo_simulators.bank.jws import Algorithm
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.tls.authority import YEAR_SECONDS

PEM = "application/x-pem-file"


class NewCertificate(BaseModel):
    """For whom, and for how long."""

    model_config = ConfigDict(extra="forbid")

    partner: str = Field(
        pattern="^[ -~]{1,64}$", description="Who is known by it: a customer of the bank, by its id or any other name."
    )
    algorithm: Algorithm = Field(default=Algorithm.ES256, description="What its key signs requests by.")
    valid_seconds: int = Field(
        default=YEAR_SECONDS,
        ge=-YEAR_SECONDS,
        le=10 * YEAR_SECONDS,
        description="From now; if it is not above zero, it has expired already.",
    )


def certificate_routes(certificates: Certificates) -> APIRouter:
    router = APIRouter(prefix="/_sim", tags=["Certificates"])

    @router.get("/authority.pem", summary="The authority that the bank's and its partners' certificates lead to")
    async def authority() -> Response:
        """Another one each time the simulator starts."""
        return Response(certificates.authority_pem, media_type=PEM)

    @router.post("/certificates", status_code=201, summary="Give a partner one more client certificate, with its key")
    async def issue(new: NewCertificate) -> Json:
        """`key_id` is the `kid` of what its key signs. Those that the partner has already stay good."""
        return described(certificates.issue(new.partner, algorithm=new.algorithm, valid_seconds=new.valid_seconds))

    @router.delete("/certificates/{key_id}", status_code=204, summary="Revoke a client certificate")
    async def revoke(key_id: str) -> None:
        try:
            certificates.revoke(key_id)
        except OverflowError as error:
            raise HTTPException(409, f"At most {error}.") from error

    return router
