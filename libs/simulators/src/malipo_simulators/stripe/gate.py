"""The way in: reads a request, authenticates it, finds the fault meant for it."""

from starlette.requests import Request

from malipo_simulators.stripe.account import Account
from malipo_simulators.stripe.auth import authenticate
from malipo_simulators.stripe.call import Call
from malipo_simulators.stripe.errors import invalid
from malipo_simulators.stripe.faults import Applied, Subject, read_header
from malipo_simulators.stripe.forms import Form, parse_form
from malipo_simulators.stripe.idempotency import checked_key, fingerprint_of
from malipo_simulators.stripe.models import PaymentIntent
from malipo_simulators.stripe.versions import checked_version
from malipo_simulators.stripe.work import Work
from malipo_simulators.stripe.world import Cause, World

FORM_TYPE = "application/x-www-form-urlencoded"


async def admit(world: World, request: Request, cause: Cause) -> Call:
    """Raise StripeError for what is refused at the door: credentials, version, encoding."""
    body = await read_body(request, world.settings.max_body_bytes)
    account = authenticate(world, request.headers.get("authorization"))
    version = checked_version(request.headers.get("stripe-version"))
    form = read_form(request, body)
    if request.method == "POST":
        cause.idempotency_key = checked_key(request.headers.get("idempotency-key"))
    item_id = str(request.path_params.get("id", ""))
    cause.fault = choose_fault(world, account, request, form)
    return Call(
        work=Work(world, account, cause),
        form=form,
        fingerprint=fingerprint_of(request.method, request.url.path, form),
        version=version,
        base_url=world.settings.public_url or str(request.base_url).rstrip("/"),
        item_id=item_id,
    )


async def read_body(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise invalid("Request body is too large.")
    return bytes(body)


def read_form(request: Request, body: bytes) -> Form:
    """What the address and the body hold. Every POST says that it is a form, also one whose form is empty."""
    if request.method == "POST":
        check_content_type(request)
    try:
        return parse_form("&".join(filter(None, (request.url.query, body.decode()))))
    except UnicodeDecodeError as error:
        raise invalid("The form body could not be read: it must be UTF-8.") from error


def check_content_type(request: Request) -> None:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != FORM_TYPE:
        raise invalid(f"Invalid request (check that your POST content type is {FORM_TYPE}).")


def choose_fault(world: World, account: Account, request: Request, form: Form) -> Applied | None:
    """The header's fault, else the first rule that strikes."""
    try:
        own = read_header(request.headers.get("x-sim-fault"))
    except ValueError as error:
        raise invalid(f"X-Sim-Fault names no fault: {error}") from error
    if own is not None or not world.faults.watches_requests:
        return own
    return world.faults.for_request(subject_of(account, request, form))


def subject_of(account: Account, request: Request, form: Form) -> Subject:
    about = find_subject(account, str(request.path_params.get("id", "")), form)
    given = form.get("metadata")
    own = {key: value for key, value in given.items() if isinstance(value, str)} if isinstance(given, dict) else {}
    return Subject(
        method=request.method,
        path=request.url.path,
        account=account.id,
        metadata=(about.metadata if about else {}) | own,
        amount=read_amount(form) or (about.amount if about else None),
    )


def find_subject(account: Account, item_id: str, form: Form) -> PaymentIntent | None:
    """The PaymentIntent a request is about, so that rules can match its metadata on every later call."""
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
