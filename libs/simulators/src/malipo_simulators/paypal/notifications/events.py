"""The /v1/notifications/webhooks-events operations: what was sent, and sending it again."""

from urllib.parse import urlencode

from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.timeline import Page, UnknownCursor
from malipo_simulators.paypal.errors import PaypalError, detail, no_such_resource
from malipo_simulators.paypal.http.finding import owned
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.notifications.operations import BAD_REQUEST, INVALID
from malipo_simulators.paypal.notifications.publishing import send
from malipo_simulators.paypal.objects.links import link
from malipo_simulators.paypal.objects.times import read
from malipo_simulators.paypal.webhooks.models import EVENTS, Delivered, Event, Webhook

PAGE_SIZE, MAX_PAGE_SIZE = 10, 300


def find(request: PaypalRequest) -> Event:
    return owned(request, lambda account: account.events)


def retrieve(request: PaypalRequest) -> Answer:
    """Answers GET /v1/notifications/webhooks-events/{id}."""
    return Answer(200, encode(find(request).as_json()))


def listing(request: PaypalRequest) -> Answer:
    """GET /v1/notifications/webhooks-events: newest first; the link `next` leads to the page behind."""
    query = request.query
    page = Page(
        limit=read_size(query.get("page_size")),
        after=query.get("start_id"),
        created_from=read_time(query, "start_time"),
        created_until=read_time(query, "end_time"),
    )

    def wanted(event: Event) -> bool:
        return query.get("event_type") in (None, event.type) and query.get("transaction_id") in (
            None,
            event.transaction,
        )

    try:
        found, more = request.account.events.page(page, wanted)
    except UnknownCursor as error:
        raise bad_parameter("start_id", error.item_id) from error
    links = [link(address(request, query), "self")]
    if more:
        links.append(link(address(request, query | {"start_id": found[-1].id}), "next"))
    body: Json = {"events": [one.as_json() for one in found], "count": len(found), "links": links}
    return Answer(200, encode(body))


def address(request: PaypalRequest, query: dict[str, str]) -> str:
    return f"{request.api_base}{EVENTS}" + (f"?{urlencode(query)}" if query else "")


def read_size(given: str | None) -> int:
    if given is None:
        return PAGE_SIZE
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= MAX_PAGE_SIZE):
        raise bad_parameter("page_size", given)
    return int(given)


def read_time(query: dict[str, str], name: str) -> int | None:
    """Unix seconds."""
    given = query.get(name)
    if given is None:
        return None
    at = read(given)
    if at is None:
        raise bad_parameter(name, given)
    return int(at)


def bad_parameter(name: str, value: str) -> PaypalError:
    told = detail(
        "INVALID_PARAMETER_VALUE", "The value of a parameter is invalid.", field=name, value=value, in_query=True
    )
    return PaypalError(BAD_REQUEST, [told], envelope=INVALID)


def resend(request: PaypalRequest) -> Answer:
    """POST /v1/notifications/webhooks-events/{id}/resend: what is still on its way to a webhook is not sent there again."""
    event = find(request)
    for webhook in read_webhooks(request, event):
        last = event.last_to(webhook.id)
        if last is None or last.status is not Delivered.PENDING:
            send(request.world, event, webhook, request.change.cause, None)
    return Answer(202, encode(event.as_json()))


def read_webhooks(request: PaypalRequest, event: Event) -> list[Webhook]:
    """Those that are named, or else all that get events of this type."""
    names = request.body.get("webhook_ids")
    if not names:
        return [webhook for webhook in request.account.webhooks if webhook.wants(event.type)]
    found = [request.account.webhooks.find(name) for name in names]
    if None in found:
        raise no_such_resource()
    return [webhook for webhook in found if webhook is not None]
