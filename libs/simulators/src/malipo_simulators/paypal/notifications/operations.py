"""The /v1/notifications/webhooks operations: where an app has its events sent."""

from collections.abc import Iterable
from dataclasses import dataclass

from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.urls import takes_webhooks
from malipo_simulators.kit.webhooks.courier import Courier
from malipo_simulators.paypal.errors import PaypalError, detail
from malipo_simulators.paypal.http.finding import owned
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.objects.values import as_list, as_object, text
from malipo_simulators.paypal.state.account import Account
from malipo_simulators.paypal.state.events import DESCRIPTIONS
from malipo_simulators.paypal.state.world import PaypalWorld
from malipo_simulators.paypal.webhooks.models import EVERYTHING, Webhook, described
from malipo_simulators.paypal.webhooks.signing import Signer

MAX_WEBHOOKS = 10
BAD_REQUEST = 400
INVALID = ("VALIDATION_ERROR", "Invalid data provided")
TAKEN_URL = ("WEBHOOK_URL_ALREADY_EXISTS", "Webhook URL already exists")
TOO_MANY = ("WEBHOOK_NUMBER_LIMIT_EXCEEDED", "Webhook number has reached its limit.")


def find(request: PaypalRequest) -> Webhook:
    return owned(request, lambda account: account.webhooks)


def shown(webhook: Webhook) -> Json:
    return webhook.as_json(DESCRIPTIONS)


def create(request: PaypalRequest) -> Answer:
    """POST /v1/notifications/webhooks: at most ten, each with a URL of its own."""
    url, types = read_url(request.body["url"]), read_types(request.body["event_types"])
    base = request.world.settings.receivers_url or request.api_base
    wanted = Wanted(request.world.new_id("webhook"), url, types, base)
    webhook = add_webhook(request.world, request.account, wanted)
    return Answer(201, encode(shown(webhook)))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a webhook is to be. `api_base` is how its receiver reaches us."""

    id: str
    url: str
    types: list[str]
    api_base: str


def add_webhook(world: PaypalWorld, account: Account, wanted: Wanted) -> Webhook:
    """Raise PaypalError for a URL that is taken, or one webhook too many."""
    if len(account.webhooks) >= MAX_WEBHOOKS:
        raise PaypalError(BAD_REQUEST, envelope=TOO_MANY)
    check_free(account, wanted.url)
    signer = Signer(world.keyring, wanted.id, wanted.api_base, account.events)
    courier = Courier(wanted.url, signer.write, world.poster, world.settings)
    webhook = Webhook(wanted.id, wanted.url, wanted.types, wanted.api_base, world.clock.now(), courier)
    account.webhooks.append(webhook)
    return webhook


def check_free(account: Account, url: str) -> None:
    if any(webhook.url == url for webhook in account.webhooks):
        raise PaypalError(BAD_REQUEST, envelope=TAKEN_URL)


def read_url(given: object) -> str:
    """Raise PaypalError for one that nothing can be posted to. PayPal takes https alone; http is for tests."""
    if not isinstance(given, str) or not takes_webhooks(given):
        raise invalid("Not a valid webhook URL", "url", given)
    return given


def read_types(given: object) -> list[str]:
    """The names of event types that there are, or of all of them."""
    named = [as_object(one) or {} for one in as_list(given) or []]
    names = [text(one, "name") or "" for one in named]
    unknown = [name for name in names if name != EVERYTHING and name not in DESCRIPTIONS]
    if unknown or not names:
        raise invalid("Not a valid webhook event type", "event_types", *unknown[:1])
    return list(dict.fromkeys(names))


def invalid(issue: str, field: str, value: object = None) -> PaypalError:
    return PaypalError(BAD_REQUEST, [detail(issue, "", field=f"/{field}", value=value)], envelope=INVALID)


def listing(request: PaypalRequest) -> Answer:
    """GET /v1/notifications/webhooks: of this app; no account here has more than one."""
    if request.query.get("anchor_type", "APPLICATION") not in ("APPLICATION", "ACCOUNT"):
        raise invalid("Not a valid anchor type", "anchor_type", request.query["anchor_type"])
    return Answer(200, encode({"webhooks": [shown(one) for one in request.account.webhooks]}))


def retrieve(request: PaypalRequest) -> Answer:
    """Answers GET /v1/notifications/webhooks/{id}."""
    return Answer(200, encode(shown(find(request))))


def update(request: PaypalRequest) -> Answer:
    """PATCH /v1/notifications/webhooks/{id}: replaces the URL, the event types, or both: all of it or nothing."""
    webhook = find(request)
    url, types = webhook.url, webhook.event_types
    for one in request.body:
        match one["op"], one.get("path"):
            case "replace", "/url":
                url = read_url(one.get("value"))
            case "replace", "/event_types":
                types = read_types(one.get("value"))
            case _:
                raise invalid("Only /url and /event_types can be replaced", "path", one.get("path"))
    if url != webhook.url:
        check_free(request.account, url)
    webhook.url, webhook.event_types = url, types
    return Answer(200, encode(shown(webhook)))


def delete(request: PaypalRequest) -> Answer:
    """DELETE /v1/notifications/webhooks/{id}: what is on its way there is given up."""
    webhook = find(request)
    request.account.webhooks.remove(webhook.id)
    webhook.courier.stop()
    return Answer(204, b"")


def subscribed(request: PaypalRequest) -> Answer:
    """GET /v1/notifications/webhooks/{id}/event-types: those that it gets."""
    return types_answer(find(request).event_types)


def available(request: PaypalRequest) -> Answer:
    """GET /v1/notifications/webhooks-event-types: every type that this simulator sends."""
    del request
    return types_answer(DESCRIPTIONS)


def types_answer(names: Iterable[str]) -> Answer:
    return Answer(200, encode({"event_types": list(described(list(names), DESCRIPTIONS))}))
