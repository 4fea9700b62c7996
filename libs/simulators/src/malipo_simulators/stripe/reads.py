"""The operations that only look: charges, events, the balance, the account itself."""

from collections.abc import Callable

from malipo_simulators.stripe.call import Call
from malipo_simulators.stripe.errors import invalid, no_such
from malipo_simulators.stripe.events import Event
from malipo_simulators.stripe.params import Params
from malipo_simulators.stripe.render import draw_charge, draw_list, draw_method, read_expand
from malipo_simulators.stripe.shapes import Json

MAX_TYPES = 20
DAYS_OF_EVENTS = 30


def charge(call: Call) -> Json:
    """Answers GET /v1/charges/{id}."""
    found = call.account.charges.get(call.item_id)
    params = call.params()
    expand = read_expand(params.strings("expand"))
    params.finish()
    return draw_charge(found, expand)


def payment_method(call: Call) -> Json:
    """Answers GET /v1/payment_methods/{id}."""
    found = call.account.methods.get(call.item_id)
    if found is None:
        raise no_such("PaymentMethod", call.item_id, param="payment_method")
    return draw_method(found)


def event(call: Call) -> Json:
    """Answers GET /v1/events/{id}."""
    return call.account.events.get(call.item_id).as_json()


def events(call: Call) -> Json:
    """GET /v1/events: newest first, of the last 30 days, by type, also those no endpoint has accepted."""
    params = call.params()
    page, wanted = params.page(), read_event_filter(params, oldest=call.work.now - DAYS_OF_EVENTS * 86_400)
    params.finish()
    found, has_more = call.account.events.page(page, wanted)
    return draw_list([one.as_json() for one in found], "/v1/events", has_more=has_more)


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


def balance(call: Call) -> Json:
    """GET /v1/balance: the sum of captures and refunds, available at once; fees are not modelled."""
    call.params().finish()
    available = [
        {"amount": amount, "currency": currency, "source_types": {"card": amount}}
        for currency, amount in sorted(call.account.balance.items())
    ]
    pending = [{"amount": 0, "currency": line["currency"], "source_types": {"card": 0}} for line in available]
    return {"object": "balance", "available": available, "livemode": False, "pending": pending}


def account(call: Call) -> Json:
    """GET /v1/account: who this key belongs to."""
    call.params().finish()
    return {
        "id": call.account.id,
        "object": "account",
        "charges_enabled": True,
        "country": "US",
        "created": call.account.created,
        "default_currency": "usd",
        "details_submitted": True,
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }
