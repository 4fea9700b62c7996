"""The door webhooks come through: remember, verify, then answer as told."""

import asyncio
import json
from contextlib import suppress
from typing import cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from malipo_simulators.merchant.receivers import Behaviour, Kind, Received, Receiver, Receivers
from malipo_simulators.merchant.signature import BadSignature, verify
from malipo_simulators.server import hang_up
from malipo_simulators.wall_clock import timestamp, unix_seconds

MAX_BODY_BYTES = 1_000_000
DEFAULT_SECONDS = {Kind.HANG: 60.0, Kind.SLOW: 1.0, Kind.TOO_MANY: 1.0}


class Hook:
    """POST /hooks/{name} as a bare ASGI app: `hang` ends with the connection dropped and nothing said."""

    def __init__(self, receivers: Receivers) -> None:
        self._receivers = receivers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            body = await read_body(request)
            receiver = self._receivers.named(request.path_params["name"])
        except ClientDisconnect:
            return
        except OverflowError as error:
            await JSONResponse({"error": f"over the limit of {error}"}, 413)(scope, receive, send)
            return
        received = note(request, receiver, body)
        self._receivers.mailbox.add(received)
        behaviour = receiver.next_behaviour()
        if behaviour.kind is Kind.HANG:
            await wait_for_disconnect(receive, seconds_of(behaviour))
            await hang_up(scope, receive, reset=False)
            return
        response = await respond(behaviour, received)
        received.answered = response.status_code
        await response(scope, receive, send)


async def read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise OverflowError(MAX_BODY_BYTES)
    return bytes(body)


def note(request: Request, receiver: Receiver, body: bytes) -> Received:
    headers = dict(request.headers)
    reason = refusal(receiver, headers, body)
    parsed = parse(body)
    event = mapping(parsed)
    about = mapping(event.get("data"))
    return Received(
        name=request.path_params["name"],
        id=headers.get("webhook-id"),
        type=text(event.get("type")),
        sequence=whole(about.get("sequence")),
        payment_id=text(about.get("payment_id")),
        verified=reason is None,
        refused_because=reason,
        received_at=timestamp(),
        headers=headers,
        body=parsed,
    )


def refusal(receiver: Receiver, headers: dict[str, str], body: bytes) -> str | None:
    if not receiver.secrets:
        return "this receiver has no secret; PUT one to /_sim/receivers/{name}"
    try:
        verify(receiver.secrets, headers, body, now=unix_seconds())
    except BadSignature as error:
        return str(error)
    return None


def parse(body: bytes) -> object:
    """The JSON, or the text as it came when it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")


def mapping(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def seconds_of(behaviour: Behaviour) -> float:
    return DEFAULT_SECONDS[behaviour.kind] if behaviour.seconds is None else behaviour.seconds


async def respond(behaviour: Behaviour, received: Received) -> Response:
    match behaviour.kind:
        case Kind.OK | Kind.HANG:
            return verdict(received)
        case Kind.SLOW:
            await asyncio.sleep(seconds_of(behaviour))
            return verdict(received)
        case Kind.FAIL:
            return JSONResponse({"error": "told to fail"}, behaviour.status or 500)
        case Kind.REDIRECT:
            location = behaviour.location or "/hooks/somewhere-else"
            return Response(status_code=behaviour.status or 302, headers={"location": location})
        case Kind.GONE:
            return JSONResponse({"error": "gone"}, 410)
        case Kind.TOO_MANY:
            retry_after = str(max(0, round(seconds_of(behaviour))))
            return JSONResponse({"error": "too many"}, 429, headers={"retry-after": retry_after})


def verdict(received: Received) -> Response:
    """A receiver that cannot verify says 400, as a careful merchant would."""
    if received.verified:
        return JSONResponse({"received": True})
    return JSONResponse({"error": received.refused_because}, 400)


async def wait_for_disconnect(receive: Receive, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
