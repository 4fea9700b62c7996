"""The /v1/webhook_endpoints operations, and making endpoints for tests that need a secret known beforehand."""

import re
from dataclasses import dataclass

from malipo_simulators.stripe.account import Account
from malipo_simulators.stripe.call import Call
from malipo_simulators.stripe.courier import Courier
from malipo_simulators.stripe.endpoint import EVERYTHING, Endpoint
from malipo_simulators.stripe.errors import invalid, missing
from malipo_simulators.stripe.render import draw_list
from malipo_simulators.stripe.shapes import Json
from malipo_simulators.stripe.urls import read_url
from malipo_simulators.stripe.world import World

EVENT_TYPE = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)+")
MAX_ENDPOINTS = 16


@dataclass(frozen=True, slots=True)
class Wish:
    """What an endpoint is to be. Without a secret one is made."""

    url: str
    enabled_events: list[str]
    secret: str | None = None
    description: str | None = None


def create(call: Call) -> Json:
    """POST /v1/webhook_endpoints: the answer is the only one that shows the secret."""
    params = call.params()
    url, wanted = params.required_text("url"), params.strings("enabled_events")
    description, metadata = params.text("description"), params.metadata()
    params.text("api_version")
    params.finish()
    if not wanted:
        raise missing("enabled_events")
    endpoint = add_endpoint(call.world, call.account, Wish(url, wanted, description=description))
    endpoint.metadata = metadata
    return endpoint.as_json() | {"secret": endpoint.secrets[0]}


def add_endpoint(world: World, account: Account, wish: Wish) -> Endpoint:
    """Raise 400 for a URL or event type that cannot be, or more than 16 endpoints."""
    check_url(wish.url)
    check_types(wish.enabled_events)
    if len(account.endpoints) >= MAX_ENDPOINTS:
        raise invalid(f"You have reached the maximum of {MAX_ENDPOINTS} test webhook endpoints.")
    secrets = [wish.secret or world.ids.mint("whsec", 32)]
    courier = Courier(wish.url, lambda: tuple(secrets), world.poster, world.settings)
    endpoint = Endpoint(
        id=world.ids.mint("we"),
        url=wish.url,
        enabled_events=wish.enabled_events,
        secrets=secrets,
        created=world.clock.now(),
        courier=courier,
        description=wish.description,
    )
    account.endpoints.append(endpoint)
    return endpoint


def check_url(url: str) -> None:
    parts = read_url(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise invalid(f"Invalid URL: {url}", code="url_invalid", param="url")


def check_types(names: list[str]) -> None:
    for name in names:
        if name != EVERYTHING and EVENT_TYPE.fullmatch(name) is None:
            raise invalid(f"Invalid enabled_events: {name} is not an event type.", param="enabled_events")


def retrieve(call: Call) -> Json:
    """Answers GET /v1/webhook_endpoints/{id}."""
    return call.account.endpoints.get(call.item_id).as_json()


def listing(call: Call) -> Json:
    """GET /v1/webhook_endpoints: newest first."""
    params = call.params()
    page = params.page()
    params.finish()
    found, has_more = call.account.endpoints.page(page)
    return draw_list([endpoint.as_json() for endpoint in found], "/v1/webhook_endpoints", has_more=has_more)


def delete(call: Call) -> Json:
    """DELETE /v1/webhook_endpoints/{id}: what was still on its way there is given up."""
    endpoint = call.account.endpoints.get(call.item_id)
    call.account.endpoints.remove(endpoint.id)
    endpoint.courier.stop()
    return {"id": endpoint.id, "object": "webhook_endpoint", "deleted": True}
