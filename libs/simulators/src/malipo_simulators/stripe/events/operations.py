"""The /v1/events operations."""

from collections.abc import Callable

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.errors import invalid
from malipo_simulators.stripe.http.params import Params
from malipo_simulators.stripe.http.reads import listed, shown
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.webhooks.event import Event

MAX_TYPES = 20
DAYS_OF_EVENTS = 30


def retrieve(request: StripeRequest) -> Json:
    """Answers GET /v1/events/{id}."""
    return shown(request, request.account.events.get(request.item_id))


def listing(request: StripeRequest) -> Json:
    """GET /v1/events: newest first, of the last 30 days, by type, also those that no endpoint has accepted."""
    params = request.params()
    wanted = read_event_filter(params, oldest=request.change.now - DAYS_OF_EVENTS * 86_400)
    return listed(request, params, request.account.events, wanted)


def read_event_filter(params: Params, *, oldest: int) -> Callable[[Event], bool]:
    kind, kinds = params.text("type"), params.strings("types")
    delivered = params.flag("delivery_success")
    if kind and kinds:
        raise invalid("Give type or types, not both.", param="types")
    if len(kinds) > MAX_TYPES:
        raise invalid(f"At most {MAX_TYPES} types.", param="types")
    names = [kind] if kind else kinds

    def wanted(one: Event) -> bool:
        return (
            one.created >= oldest
            and (not names or any(named(one.type, name) for name in names))
            and (delivered is None or delivered == (one.undelivered == 0))
        )

    return wanted


def named(event_type: str, name: str) -> bool:
    """`charge.*` stands for all of them."""
    return event_type == name or (name.endswith("*") and event_type.startswith(name[:-1]))
