"""Reads a request: whose it is, its JSON by its schema, and the fault that is meant for it."""

from typing import Any

from starlette.requests import Request

from malipo_simulators.kit.api.bodies import read_json as parsed
from malipo_simulators.kit.api.reading import body_of, choose_fault
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import Subject
from malipo_simulators.kit.shapes import Json
from malipo_simulators.paypal.errors import (
    too_large,
    unauthenticated,
    unreadable_fault,
    wrong_media_type,
)
from malipo_simulators.paypal.faults import PaypalFault
from malipo_simulators.paypal.http.auth import authenticate
from malipo_simulators.paypal.http.call import Call
from malipo_simulators.paypal.http.negative import HEADER as MOCK_HEADER
from malipo_simulators.paypal.http.negative import mocked
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.http.shapes import LENGTH, SYNTAX, Reader, Violation, against_schema, shape
from malipo_simulators.paypal.objects.models import Order
from malipo_simulators.paypal.objects.money import BadAmount, parse
from malipo_simulators.paypal.objects.values import as_list, as_object
from malipo_simulators.paypal.spec import issues_of
from malipo_simulators.paypal.state.account import Account
from malipo_simulators.paypal.state.change import Change
from malipo_simulators.paypal.state.world import PaypalWorld

JSON_TYPE = "application/json"
REQUEST_ID = "paypal-request-id"
LONGEST_REQUEST_ID = 108
FULL = "return=representation"
MALFORMED = "MALFORMED_REQUEST_JSON"


async def read_request(world: PaypalWorld, call: Call, incoming: Request, cause: Cause) -> PaypalRequest:
    """Raise PaypalError for what is refused before any operation: token, media type, body, a negative test."""
    raw = await body_of(incoming, world.settings.max_body_bytes, too_large())
    account, token = authenticate(world, incoming)
    cause.account = account.id
    cause.idempotency_key = read_key(call, incoming)
    given = read_json(call, incoming, raw)
    cause.fault = choose_fault(world, incoming, lambda: subject_of(account, incoming, given), unreadable_fault)
    if cause.fault is not None and cause.fault.fault == PaypalFault.TOKEN_EXPIRED_EARLY:
        world.tokens.kill(token)
        raise unauthenticated()
    mock = mocked(incoming.headers.get(MOCK_HEADER), call.name)
    if mock is not None:
        raise mock
    reached = str(incoming.base_url).rstrip("/")
    minimal = cause.fault is not None and cause.fault.fault == PaypalFault.MINIMAL_ANSWER
    return PaypalRequest(
        change=Change(world, account, cause),
        call=call.name,
        body=read_body(call, given),
        raw=raw,
        item_id=str(incoming.path_params.get("id", "")),
        api_base=reached,
        page_base=world.settings.public_url or reached,
        full=incoming.headers.get("prefer", "").strip() == FULL and not minimal,
        idempotency_key=cause.idempotency_key,
        key_seconds=world.settings.order_key_seconds if call.keys == "orders" else world.settings.payment_key_seconds,
        query=dict(incoming.query_params),
    )


def read_key(call: Call, incoming: Request) -> str | None:
    given = incoming.headers.get(REQUEST_ID) if call.keys else None
    if given is not None and not 1 <= len(given) <= LONGEST_REQUEST_ID:
        raise against_schema(call.name, [Violation(LENGTH, "PayPal-Request-Id", given)])
    return given


def read_json(call: Call, incoming: Request, raw: bytes) -> Any:
    """What the body holds; an empty one is an empty object. A call that has no body in the documents ignores it."""
    if call.shape is None:
        return {}
    content_type = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != JSON_TYPE:
        raise wrong_media_type()
    if not raw.strip():
        return {}
    try:
        return parsed(raw)
    except (ValueError, RecursionError) as error:
        issue = MALFORMED if MALFORMED in issues_of(call.name) else SYNTAX
        raise against_schema(call.name, [Violation(issue, "/")]) from error


def read_body(call: Call, given: Any) -> Any:
    """What the schema knows of it. Raise one 400 that tells of every field against it."""
    if call.shape is None:
        return {}
    reader = Reader()
    body = reader.read(shape(call.shape), given, "")
    if reader.violations:
        raise against_schema(call.name, reader.violations)
    return body


def subject_of(account: Account, incoming: Request, given: Any) -> Subject:
    """What rules match by: of the request's own order, or of the one that its capture or authorization belongs to."""
    order = order_behind(account, str(incoming.path_params.get("id", "")))
    unit = first_unit(given)
    own = {name: str(unit[name]) for name in ("custom_id", "invoice_id") if isinstance(unit.get(name), str)}
    amount = read_amount(unit.get("amount"))
    return Subject(
        method=incoming.method,
        path=incoming.url.path,
        account=account.id,
        metadata=own | (order.metadata if order else {}),
        amount=order.amount.minor if amount is None and order else amount,
    )


def order_behind(account: Account, item_id: str) -> Order | None:
    authorization, capture = account.authorizations.find(item_id), account.captures.find(item_id)
    refund = account.refunds.find(item_id)
    if authorization or capture:
        return (authorization or capture).order  # pyright: ignore[reportOptionalMemberAccess] (one of both is there)
    return refund.capture.order if refund else account.orders.find(item_id)


def first_unit(given: Any) -> Json:
    """Of a new order its first purchase unit, else the body itself."""
    body = as_object(given) or {}
    units = as_list(body.get("purchase_units"))
    return (as_object(units[0]) or {}) if units else body


def read_amount(given: Any) -> int | None:
    """In minor units, if it can be read at all."""
    try:
        return parse(given["currency_code"], given["value"]).minor
    except (BadAmount, KeyError, TypeError, ArithmeticError, AttributeError):
        return None
