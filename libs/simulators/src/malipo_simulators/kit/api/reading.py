"""What every dialect reads of a request: its credentials, its body, and the fault that is meant for it."""

import base64
import binascii
from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.requests import Request

from malipo_simulators.kit.api.answers import Refusal
from malipo_simulators.kit.api.bodies import read_body
from malipo_simulators.kit.faults.scripted import FAULT_HEADER, AppliedFault, Subject
from malipo_simulators.kit.world import AnyWorld

REVOKED = "revoked"
"""What no credentials may contain that are to be believed: any others will do."""


def bearer_token(authorization: str | None) -> str | None:
    """What the header says as `Bearer ...`."""
    return credentials(authorization, "bearer")


def basic_pair(authorization: str | None) -> tuple[str, str] | None:
    """Name and password, of a header that is `Basic ...`; either may be empty."""
    encoded = credentials(authorization, "basic")
    if encoded is None:
        return None
    try:
        name, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, password


def credentials(authorization: str | None, scheme: str) -> str | None:
    given, _, value = (authorization or "").partition(" ")
    return value.strip() or None if given.lower() == scheme else None


def client_of(incoming: Request) -> tuple[str, str] | None:
    """Id and secret of whoever asks for an access token, by `Authorization: Basic`; None for none, or one that is `REVOKED`."""
    client_id, secret = basic_pair(incoming.headers.get("authorization")) or ("", "")
    return None if not (client_id and secret) or REVOKED in client_id + secret else (client_id, secret)


def grant_in(form: bytes) -> str | None:
    """The `grant_type` of a form that asks for an access token (RFC 6749, section 4.4.2)."""
    try:
        return parse_qs(form.decode()).get("grant_type", [None])[0]
    except ValueError:
        return None


async def body_of(incoming: Request, max_bytes: int, too_large: Refusal) -> bytes:
    """The whole body. Raise `too_large` as soon as it is longer."""
    try:
        return await read_body(incoming, max_bytes)
    except OverflowError as error:
        raise too_large from error


def choose_fault(
    world: AnyWorld, incoming: Request, subject: Callable[[], Subject], refuse: Callable[[str], Refusal]
) -> AppliedFault | None:
    """The fault that X-Sim-Fault names, else that of the first rule that strikes. Raise `refuse(why)` if it names none."""
    try:
        return world.faults.for_request(incoming.headers.get(FAULT_HEADER), subject)
    except ValueError as error:
        raise refuse(f"X-Sim-Fault names no fault: {error}") from error
