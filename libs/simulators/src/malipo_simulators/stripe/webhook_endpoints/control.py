"""Control routes for webhook endpoints: make one with a known secret, rotate secrets, see how deliveries go."""

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.http.refusing import refusing
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.state.world import StripeWorld
from malipo_simulators.stripe.webhook_endpoints.operations import EndpointParams, add_endpoint
from malipo_simulators.stripe.webhooks.endpoint import Endpoint


class NewEndpoint(BaseModel):
    """`secret` cannot be chosen in the real API: it is for a receiver that was configured beforehand."""

    model_config = ConfigDict(extra="forbid")

    api_key: str = Field(description="The sk_test_ key whose account gets the endpoint.")
    url: str
    enabled_events: list[str] = ["*"]
    secret: str | None = Field(default=None, pattern="^whsec_.+")


class Rotation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    secret: str | None = Field(default=None, pattern="^whsec_.+", description="Left out: a new one is made.")
    keep_old: bool = Field(
        default=True, description="True signs with old and new, as while rotating; false drops the old."
    )


def endpoint_routes(world: StripeWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/webhook_endpoints", tags=["Webhook endpoints"])

    @router.post("", status_code=201, summary="Make an endpoint, optionally with a secret of your choice")
    async def add(new: NewEndpoint) -> Json:
        with refusing():
            account = world.account_of(new.api_key)
            endpoint = add_endpoint(world, account, EndpointParams(new.url, new.enabled_events, new.secret))
        return render(endpoint) | {"secret": endpoint.secrets[0]}

    @router.get("", summary="All endpoints, with how their deliveries go")
    async def show() -> list[Json]:
        return [
            {"id": one.id, "account": account.id, "url": one.url, **one.courier.counters()}
            for account in world.accounts.values()
            for one in account.endpoints
        ]

    @router.post("/{endpoint_id}/rotate", summary="Give an endpoint a new secret")
    async def rotate(endpoint_id: str, how: Rotation) -> Json:
        """With `keep_old` every webhook carries one v1 for each secret."""
        endpoint = find_endpoint(world, endpoint_id)
        fresh = how.secret or world.mint("whsec", 32)
        endpoint.secrets[:] = [fresh, *endpoint.secrets] if how.keep_old else [fresh]
        return {"id": endpoint.id, "secret": fresh, "secrets_in_use": len(endpoint.secrets)}

    return router


def find_endpoint(world: StripeWorld, endpoint_id: str) -> Endpoint:
    for endpoint in world.endpoints():
        if endpoint.id == endpoint_id:
            return endpoint
    raise HTTPException(404, f"No webhook endpoint {endpoint_id}.")
