"""Reads a request: whose it is, its JSON, and the fault that is meant for it."""

import json
from typing import cast

from starlette.requests import Request

from malipo_simulators.kit.api.reading import body_of, choose_fault
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import Subject
from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.errors import bad_request, invalid_payload, invalid_token, spike_arrest
from malipo_simulators.mpesa.http.auth import authenticate, read_app
from malipo_simulators.mpesa.http.faults import strike_before_effect
from malipo_simulators.mpesa.http.fields import read_amount
from malipo_simulators.mpesa.http.request import MpesaRequest
from malipo_simulators.mpesa.state.world import MpesaWorld

# What rules match by, and the fields in which it comes: the first that is there.
ABOUT = {
    "shortcode": ("BusinessShortCode", "ShortCode", "ReceiverParty", "PartyA"),
    "account_reference": ("AccountReference", "BillRefNumber"),
    "phone": ("PhoneNumber", "Msisdn", "PartyB"),
    "checkout_request_id": ("CheckoutRequestID",),
    "receipt": ("TransactionID",),
}


async def read_request(world: MpesaWorld, incoming: Request, cause: Cause) -> MpesaRequest:
    """Raise DarajaError for what is refused before any operation: token, body."""
    body = await body_of(incoming, world.settings.max_body_bytes, invalid_payload())
    app, token = authenticate(world, incoming)
    cause.account = app.id
    given = read_object(body)
    cause.fault = choose_fault(world, incoming, lambda: subject_of(world, cause, given), bad_request)
    strike_before_effect(world, cause, token)
    if world.tokens.owner(token) is None:
        raise invalid_token(cause.path)
    if world.apps.in_a_hurry(app):
        raise spike_arrest()
    return MpesaRequest(world, app, cause, given)


async def read_token_request(world: MpesaWorld, incoming: Request, cause: Cause) -> MpesaRequest:
    """The request for a token has its app's key and secret, and no body."""
    app = read_app(world, incoming)
    cause.account = app.id
    cause.fault = choose_fault(world, incoming, lambda: subject_of(world, cause, {}), bad_request)
    strike_before_effect(world, cause, token=None)
    return MpesaRequest(world, app, cause, dict(incoming.query_params))


def read_object(body: bytes) -> Json:
    try:
        given: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid_payload() from error
    if not isinstance(given, dict):
        raise invalid_payload()
    return cast("Json", given)


def subject_of(world: MpesaWorld, cause: Cause, given: Json) -> Subject:
    """A query's is also what its prompt is about, so that a rule for a reference or an amount strikes it, too."""
    own = {name: str(given[field]) for name, fields in ABOUT.items() for field in reversed(fields) if field in given}
    about = world.payment(own.get("checkout_request_id", ""))
    amount = read_amount(given.get("Amount"))
    return Subject(
        method=cause.method,
        path=cause.path,
        account=cause.account or "",
        metadata=(about.metadata if about else {}) | own,
        amount=about.amount if amount is None and about else amount,
    )
