"""The /v1/webhook_endpoints operations, and making endpoints for tests that need a secret known beforehand."""

from dataclasses import dataclass
from functools import partial

from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.urls import takes_webhooks
from malipo_simulators.kit.webhooks.courier import Courier
from malipo_simulators.stripe.errors import invalid, missing
from malipo_simulators.stripe.http.reads import listed, shown
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.expand import read_expand
from malipo_simulators.stripe.objects.metadata import merge_metadata
from malipo_simulators.stripe.objects.render import render
from malipo_simulators.stripe.state.account import Account
from malipo_simulators.stripe.state.world import StripeWorld
from malipo_simulators.stripe.webhooks.endpoint import EVERYTHING, Endpoint
from malipo_simulators.stripe.webhooks.event_types import EVENT_TYPES
from malipo_simulators.stripe.webhooks.signing import webhook_headers

MAX_ENDPOINTS = 16


@dataclass(frozen=True, slots=True)
class EndpointParams:
    """What an endpoint is to be. Without a secret one is made."""

    url: str
    enabled_events: list[str]
    secret: str | None = None
    description: str | None = None


def create(request: StripeRequest) -> Json:
    """POST /v1/webhook_endpoints: no other response shows the secret."""
    params = request.params()
    url, wanted = params.required_text("url"), params.strings("enabled_events")
    description, metadata = params.text("description"), params.new_metadata()
    params.text("api_version")
    params.strings("expand")
    params.finish()
    if not wanted:
        raise missing("enabled_events")
    endpoint = add_endpoint(request.world, request.account, EndpointParams(url, wanted, description=description))
    endpoint.metadata = metadata
    return render(endpoint) | {"secret": endpoint.secrets[0]}


def add_endpoint(world: StripeWorld, account: Account, params: EndpointParams) -> Endpoint:
    """Raise 400 for a wrong URL or event type, or more than 16 endpoints."""
    check_url(params.url)
    check_types(params.enabled_events)
    if len(account.endpoints) >= MAX_ENDPOINTS:
        raise invalid(f"You have reached the maximum of {MAX_ENDPOINTS} test webhook endpoints.")
    secrets = [params.secret or world.mint("whsec", 32)]
    courier = Courier(params.url, partial(webhook_headers, secrets), world.poster, world.settings)
    endpoint = Endpoint(
        id=world.mint("we"),
        url=params.url,
        enabled_events=params.enabled_events,
        secrets=secrets,
        created=world.clock.now(),
        courier=courier,
        description=params.description,
    )
    account.endpoints.append(endpoint)
    return endpoint


def check_url(url: str) -> None:
    if not takes_webhooks(url):
        raise invalid(f"Invalid URL: {url}", code="url_invalid", param="url")


def check_types(names: list[str]) -> None:
    for index, name in enumerate(names):
        if name != EVERYTHING and name not in EVENT_TYPES:
            message = f"Invalid enabled_events[{index}]: must be one of {', '.join(sorted(EVENT_TYPES))}"
            raise invalid(message, param=f"enabled_events[{index}]")


def update(request: StripeRequest) -> Json:
    """POST /v1/webhook_endpoints/{id}: another address, other types of events, or none while it is disabled."""
    endpoint = request.account.endpoints.get(request.item_id)
    params = request.params()
    url, wanted, disabled = params.text("url"), params.strings("enabled_events"), params.flag("disabled")
    description, metadata = params.text("description"), params.metadata()
    expand = read_expand(params.strings("expand"))
    params.finish()
    if url is not None:
        check_url(url)
        endpoint.move_to(url)
    check_types(wanted)
    endpoint.enabled_events = wanted or endpoint.enabled_events
    endpoint.enabled = endpoint.enabled if disabled is None else not disabled
    endpoint.description = description or endpoint.description
    merge_metadata(endpoint.metadata, metadata)
    return render(endpoint, expand)


def retrieve(request: StripeRequest) -> Json:
    """Answers GET /v1/webhook_endpoints/{id}."""
    return shown(request, request.account.endpoints.get(request.item_id))


def listing(request: StripeRequest) -> Json:
    """GET /v1/webhook_endpoints: newest first."""
    return listed(request, request.params(), request.account.endpoints)


def delete(request: StripeRequest) -> Json:
    """DELETE /v1/webhook_endpoints/{id}: pending deliveries are given up."""
    endpoint = request.account.endpoints.get(request.item_id)
    request.account.endpoints.remove(endpoint.id)
    endpoint.courier.stop()
    return {"id": endpoint.id, "object": "webhook_endpoint", "deleted": True}
