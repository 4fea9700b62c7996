"""Control routes for webhooks: endpoints of accounts, their keys and the bank's, and what was sent."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from malipo_simulators.bank.jws import Algorithm
from malipo_simulators.bank.notifications.publishing import send
from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.bank.webhooks.endpoint import Endpoint
from malipo_simulators.bank.webhooks.event import Event
from malipo_simulators.bank.webhooks.keys import Keys, SharedKey, SharedKeys
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.urls import takes_webhooks


class NewKey(BaseModel):
    """A secret that the bank and the receiver share. Real banks choose it; here the receiver may be configured beforehand."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern="^[A-Za-z0-9._-]{1,64}$", description="As in `X-Bank-Key-Id`.")
    secret: str = Field(min_length=1, max_length=200, repr=False)

    @property
    def as_key(self) -> SharedKey:
        return SharedKey(self.id, self.secret)


class NewEndpoint(BaseModel):
    """`hmac` signs with `key`, `jws` with the bank's own, which `/.well-known/jwks.json` has."""

    model_config = ConfigDict(extra="forbid")

    debtor_account_id: str = Field(pattern="^[ -~]{1,200}$", description="It need not be opened yet.")
    url: str
    signing: Literal["hmac", "jws"] = "hmac"
    key: NewKey | None = None

    @model_validator(mode="after")
    def _has_its_key(self) -> Self:
        if (self.key is None) == (self.signing == "hmac"):
            raise ValueError("hmac needs a key, and jws takes none")
        if not takes_webhooks(self.url):
            raise ValueError("the url has to be http or https")
        return self


class Rotation(NewKey):
    """One more key."""

    keep_old: bool = Field(default=True, description="Both sign in turn, until a rotation that keeps none.")


class OwnRotation(BaseModel):
    """Of the bank's own keys."""

    model_config = ConfigDict(extra="forbid")

    algorithm: Algorithm = Algorithm.RS256
    keep_old: bool = Field(default=True, description="False: those until now are no longer published.")


def webhook_routes(world: BankWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/webhooks", tags=["Webhooks"])

    @router.post("", status_code=201, summary="Tell an account's payments to a URL")
    async def add(new: NewEndpoint) -> Json:
        keys: Keys = SharedKeys([new.key.as_key]) if new.key else world.webhooks.own_keys
        try:
            return world.webhooks.add(world.new_id("whk"), new.debtor_account_id, new.url, keys).as_json()
        except OverflowError as error:
            raise HTTPException(409, f"At most {error} endpoints.") from error

    @router.get("", summary="All endpoints, with how their deliveries go")
    async def show() -> list[Json]:
        return [endpoint.as_json() for endpoint in world.webhooks.endpoints.values()]

    @router.delete("/{endpoint_id}", status_code=204, summary="Tell nothing there any more")
    async def remove(endpoint_id: str) -> None:
        await world.webhooks.remove(find_endpoint(world, endpoint_id))

    @router.post("/{endpoint_id}/rotate", summary="Sign with one more key, or with another one")
    async def rotate(endpoint_id: str, fresh: Rotation) -> Json:
        keys = find_endpoint(world, endpoint_id).keys
        if not isinstance(keys, SharedKeys):
            raise HTTPException(409, "It is signed with the bank's own keys: POST /_sim/jwks/rotate.")
        keys.rotate(fresh.as_key, keep_old=fresh.keep_old)
        return {"key_ids": [key.id for key in keys.keys]}

    return router


def own_key_routes(world: BankWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/jwks", tags=["Webhooks"])

    @router.post("/rotate", summary="Sign with another key of the bank's own from now on")
    async def rotate(how: OwnRotation) -> Json:
        return {"kid": world.webhooks.own_keys.rotate(how.algorithm, keep_old=how.keep_old)}

    return router


def event_routes(world: BankWorld) -> APIRouter:
    router = APIRouter(prefix="/_sim/events", tags=["Webhooks"])

    @router.get("", summary="What has happened to payments, newest last, whoever was told")
    async def show(
        payment: Annotated[str | None, Query(description="Its id or its end_to_end_id.")] = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    ) -> list[Json]:
        found = [event for event in world.webhooks.events if payment is None or is_about(event, payment)]
        return [event.as_json() for event in found[-limit:]]

    @router.post("/{event_id}/resend", status_code=202, summary="Send it to all endpoints of its account once more")
    async def resend(event_id: str) -> Json:
        event = world.webhooks.events.find(event_id)
        if event is None:
            raise HTTPException(404, f"No event {event_id}.")
        endpoints = world.webhooks.of_account(event.payment.debtor_account_id)
        send(world, event, endpoints, Cause("POST", f"/_sim/events/{event_id}/resend"))
        return event.as_json()

    return router


def is_about(event: Event, payment: str) -> bool:
    return payment in (event.payment.id, event.payment.end_to_end_id)


def find_endpoint(world: BankWorld, endpoint_id: str) -> Endpoint:
    endpoint = world.webhooks.endpoints.get(endpoint_id)
    if endpoint is None:
        raise HTTPException(404, f"No endpoint {endpoint_id}.")
    return endpoint
