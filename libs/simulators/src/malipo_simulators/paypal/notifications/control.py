"""Control routes for notifications: webhooks with an id known beforehand, how deliveries go, and the certificates."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.api.answers import Refusal
from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.notifications.operations import Wanted, add_webhook, read_types, read_url, shown
from malipo_simulators.paypal.state.world import PaypalWorld
from malipo_simulators.paypal.webhooks.certificates import ROOT
from malipo_simulators.paypal.webhooks.keyring import PATH
from malipo_simulators.paypal.webhooks.models import EVERYTHING

PEM = "application/x-pem-file"


class NewWebhook(BaseModel):
    """`id` and `api_base` cannot be chosen in the real API: they are for a receiver that was configured beforehand."""

    model_config = ConfigDict(extra="forbid")

    client_id: str = Field(description="The app that gets the webhook.")
    client_secret: str
    url: str
    event_types: list[str] = [EVERYTHING]
    id: str | None = Field(default=None, pattern="^[a-zA-Z0-9]{1,50}$")
    api_base: str | None = Field(
        default=None,
        pattern="^https?://[^/]+$",
        description="How the receiver reaches us; left out: as you do now, or as --receivers-url says.",
    )


class Rotation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keep_old: bool = Field(default=True, description="False: the certificates until now are no longer to be had.")


def webhook_routes(world: PaypalWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/webhooks", tags=["Webhooks"])

    @router.post("", status_code=201, summary="Make a webhook, optionally with an id of your choice")
    async def add(new: NewWebhook, request: Request) -> Json:
        base = new.api_base or world.settings.receivers_url or str(request.base_url).rstrip("/")
        try:
            account = world.account_of(new.client_id, new.client_secret)
            types = read_types([{"name": name} for name in new.event_types])
            wanted = Wanted(new.id or world.new_id("webhook"), read_url(new.url), types, base)
            webhook = add_webhook(world, account, wanted)
        except Refusal as refusal:
            raise HTTPException(refusal.answer.status, refusal.answer.body.decode()) from refusal
        return shown(webhook)

    @router.get("", summary="All webhooks, with how their deliveries go")
    async def show() -> list[Json]:
        return [
            {"id": one.id, "account": account.id, "url": one.url, **one.courier.counters()}
            for account in world.accounts.values()
            for one in account.webhooks
        ]

    return router


def certificate_routes(world: PaypalWorld) -> APIRouter:
    """The certificates are where PAYPAL-CERT-URL says, for everybody; the root is for whoever is to trust them."""
    router = APIRouter(tags=["Webhooks"])

    @router.get(f"{PATH}/{{name}}", summary="A certificate that signs, and the intermediate that issued it")
    async def certificate(name: str) -> Response:
        found = world.keyring.served(name)
        if found is None:
            raise HTTPException(404, f"No certificate {name}.")
        return Response(found.pem, media_type=PEM)

    @router.get("/_sim/certificates/root.pem", summary="The root that the certificates lead to")
    async def root() -> Response:
        return Response(ROOT, media_type=PEM)

    @router.post("/_sim/certificates/rotate", summary="Sign with another certificate from now on")
    async def rotate(how: Rotation) -> Json:
        return {"name": world.keyring.rotate(keep_old=how.keep_old).name}

    return router
