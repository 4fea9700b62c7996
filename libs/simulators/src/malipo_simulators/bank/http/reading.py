"""Reads a request: whose it is, what it says, and the fault that is meant for it."""

import hashlib
import re
from typing import Any, cast

from starlette.requests import Request

from malipo_simulators.bank.errors import (
    key_required,
    malformed,
    too_large,
    unauthenticated,
    wrong_media_type,
)
from malipo_simulators.bank.faults import BankFault
from malipo_simulators.bank.http.auth import authenticate
from malipo_simulators.bank.http.call import Call, Nothing
from malipo_simulators.bank.http.checking import read_body, read_query
from malipo_simulators.bank.http.request import BankRequest
from malipo_simulators.bank.objects.models import Payment
from malipo_simulators.bank.objects.money import parse
from malipo_simulators.bank.state.account import Customer
from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.kit.api.bodies import read_json
from malipo_simulators.kit.api.reading import bearer_token, body_of, choose_fault
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import Subject
from malipo_simulators.kit.shapes import Json

JSON_TYPE = "application/json"
KEY = re.compile("[!-~]{1,64}")


async def read_request(world: BankWorld, call: Call, incoming: Request, cause: Cause) -> BankRequest:
    """Raise BankError for what is refused before any operation: credentials, headers, body, parameters."""
    raw = await body_of(incoming, world.settings.max_body_bytes, too_large())
    customer = authenticate(world, incoming, raw)
    cause.account = customer.id
    given = read_given(call, incoming, raw)
    subject = subject_of(world, customer, incoming, given)
    cause.account = subject.account
    cause.fault = choose_fault(world, incoming, lambda: subject, malformed)
    end_early(world, incoming, cause)
    cause.idempotency_key = read_key(call, incoming)
    return BankRequest(
        world=world,
        customer=customer,
        cause=cause,
        body=read_body(call.body or Nothing, given),
        query=read_query(call.query, incoming.query_params.multi_items()),
        item=str(incoming.path_params.get("id", "")),
        key=cause.idempotency_key,
        fingerprint=hashlib.sha256(b"%s\n%s" % (incoming.url.path.encode(), raw)).digest(),
    )


def read_given(call: Call, incoming: Request, raw: bytes) -> Any:
    """What the body holds; none is an empty object, where the call takes none."""
    if call.body is None and not raw:
        return {}
    content_type = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != JSON_TYPE:
        raise wrong_media_type()
    try:
        return read_json(raw)
    except (ValueError, RecursionError) as error:
        raise malformed("The body is no JSON.") from error


def read_key(call: Call, incoming: Request) -> str | None:
    given = incoming.headers.get("idempotency-key")
    if call.key == "ignored" or (given is None and call.key == "taken"):
        return None
    if given is None or not KEY.fullmatch(given):
        raise key_required()
    return given


def end_early(world: BankWorld, incoming: Request, cause: Cause) -> None:
    """The token ends as it is used, if that is the fault."""
    token = bearer_token(incoming.headers.get("authorization"))
    if token and cause.fault is not None and cause.fault.fault == BankFault.TOKEN_EXPIRED_EARLY:
        world.tokens.kill(token)
        raise unauthenticated("The access token has ended.")


def subject_of(world: BankWorld, customer: Customer, incoming: Request, given: Any) -> Subject:
    """What rules match by: what the request says, or what the payment is that it is about."""
    asked: Json = cast("Json", given) if isinstance(given, dict) else {}
    payment = payment_behind(world, customer, incoming)
    amount, about = read_amount(asked.get("amount")), own_metadata(asked)
    return Subject(
        method=incoming.method,
        path=incoming.url.path,
        account=account_in(asked) or (payment.debtor_account_id if payment else customer.id),
        metadata=about | (payment.metadata if payment else {}),
        amount=payment.amount if amount is None and payment else amount,
    )


def payment_behind(world: BankWorld, customer: Customer, incoming: Request) -> Payment | None:
    """The one of its path, or of the `end_to_end_id` that it looks for."""
    wanted = incoming.query_params.get("end_to_end_id", "")
    found = (account.payments.get(wanted) for account in customer.accounts.values())
    return world.payments.get(str(incoming.path_params.get("id", ""))) or next(filter(None, found), None)


def own_metadata(asked: Json) -> dict[str, str]:
    names = ("end_to_end_id", "remittance")
    return {name: str(asked[name]) for name in names if isinstance(asked.get(name), str)}


def account_in(asked: Json) -> str | None:
    named = asked.get("debtor_account_id")
    return named if isinstance(named, str) else None


def read_amount(given: object) -> int | None:
    """In cents, if it can be read at all."""
    return parse(given) if isinstance(given, str) else None
