"""Reads a request: its account, version and form, and the fault that is meant for it."""

from starlette.requests import Request

from malipo_simulators.kit.api.reading import body_of, choose_fault
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.faults.scripted import Subject
from malipo_simulators.stripe.errors import invalid, lock_timeout
from malipo_simulators.stripe.faults import StripeFault
from malipo_simulators.stripe.http.auth import authenticate, check_permission
from malipo_simulators.stripe.http.forms import Form, parse_form
from malipo_simulators.stripe.http.keys import checked_key, fingerprint_of
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.http.versions import checked_version
from malipo_simulators.stripe.objects.models import PaymentIntent
from malipo_simulators.stripe.state.account import Account
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.world import StripeWorld

FORM_TYPE = "application/x-www-form-urlencoded"


async def read_request(world: StripeWorld, incoming: Request, cause: Cause) -> StripeRequest:
    """Raise StripeError for what is refused before any operation: credentials, version, encoding, a lock."""
    body = await body_of(incoming, world.settings.max_body_bytes, invalid("Request body is too large."))
    account = authenticate(world, incoming.headers.get("authorization"))
    check_permission(incoming.headers.get("authorization"), incoming.url.path)
    version = checked_version(incoming.headers.get("stripe-version"))
    form = read_form(incoming, body)
    if incoming.method == "POST":
        cause.idempotency_key = checked_key(incoming.headers.get("idempotency-key"))
    cause.fault = choose_fault(world, incoming, lambda: subject_of(account, incoming, form), invalid)
    cause.account = account.id
    if cause.fault is not None and cause.fault.fault == StripeFault.LOCK_TIMEOUT:
        raise lock_timeout()
    return StripeRequest(
        change=Change(world, account, cause),
        form=form,
        fingerprint=fingerprint_of(incoming.method, incoming.url.path, form),
        version=version,
        base_url=world.settings.public_url or str(incoming.base_url).rstrip("/"),
        item_id=item_id_of(incoming),
        second_id=str(incoming.path_params.get("second_id", "")),
    )


def read_form(incoming: Request, body: bytes) -> Form:
    """What the URL and the body hold. Every POST has the content type of a form, also one whose form is empty."""
    if incoming.method == "POST":
        check_content_type(incoming)
    try:
        return parse_form("&".join(filter(None, (incoming.url.query, body.decode()))))
    except UnicodeDecodeError as error:
        raise invalid("The form body could not be read: it must be UTF-8.") from error


def check_content_type(incoming: Request) -> None:
    content_type = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != FORM_TYPE:
        raise invalid(f"Invalid request (check that your POST content type is {FORM_TYPE}).")


def item_id_of(incoming: Request) -> str:
    return str(incoming.path_params.get("id", ""))


def subject_of(account: Account, incoming: Request, form: Form) -> Subject:
    about = find_intent(account, item_id_of(incoming), form)
    given = form.get("metadata")
    own = {key: value for key, value in given.items() if isinstance(value, str)} if isinstance(given, dict) else {}
    return Subject(
        method=incoming.method,
        path=incoming.url.path,
        account=account.id,
        metadata=(about.metadata if about else {}) | own,
        amount=read_amount(form) or (about.amount if about else None),
    )


def find_intent(account: Account, item_id: str, form: Form) -> PaymentIntent | None:
    """The PaymentIntent a request is about, so that rules can match its metadata on every later request."""
    for name in (item_id, form.get("payment_intent"), form.get("charge")):
        if isinstance(name, str) and name:
            refund, charge = account.refunds.find(name), account.charges.find(name)
            charge = refund.charge if refund else charge
            intent = charge.intent if charge else account.intents.find(name)
            if intent is not None:
                return intent
    return None


def read_amount(form: Form) -> int | None:
    for name in ("amount", "amount_to_capture"):
        value = form.get(name)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return int(value)
    return None
