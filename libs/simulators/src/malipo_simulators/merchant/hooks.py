"""Receives webhooks: remembers, verifies, then answers by the receiver's behaviour."""

import asyncio
import json
from contextlib import suppress
from typing import cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from malipo_simulators.kit.api.bodies import read_body
from malipo_simulators.kit.clock import timestamp, unix_seconds
from malipo_simulators.kit.server import hang_up, wait_for_disconnect
from malipo_simulators.merchant.receivers import Behaviour, BehaviourKind, Received, Receiver, Receivers
from malipo_simulators.merchant.signature import BadSignature, verify

MAX_BODY_BYTES = 1_000_000
DEFAULT_SECONDS = {BehaviourKind.HANG: 60.0, BehaviourKind.SLOW: 1.0, BehaviourKind.TOO_MANY: 1.0}


class Hook:
    """POST /hooks/{name} as a bare ASGI app: `hang` ends with the connection dropped without a response."""

    def __init__(self, receivers: Receivers) -> None:
        self._receivers = receivers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            body = await read_body(request, MAX_BODY_BYTES)
            receiver = self._receivers.named(request.path_params["name"])
        except ClientDisconnect:
            return
        except OverflowError as error:
            await JSONResponse({"error": f"over the limit of {error}"}, 413)(scope, receive, send)
            return
        received = received_from(request, receiver, body)
        self._receivers.mailbox.add(received)
        behaviour = receiver.next_behaviour()
        if behaviour.kind is BehaviourKind.HANG:
            await hang(receive, seconds_of(behaviour))
            await hang_up(scope, receive, reset=False)
            return
        response = await respond(behaviour, received)
        received.answered = response.status_code
        await response(scope, receive, send)


def received_from(request: Request, receiver: Receiver, body: bytes) -> Received:
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
        payment_id=text(about.get("payment_id") or mapping(about.get("payment_method")).get("id")),
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
        case BehaviourKind.OK | BehaviourKind.HANG:
            return answer_honestly(received)
        case BehaviourKind.SLOW:
            await asyncio.sleep(seconds_of(behaviour))
            return answer_honestly(received)
        case BehaviourKind.FAIL:
            return JSONResponse({"error": "configured to fail"}, behaviour.status or 500)
        case BehaviourKind.REDIRECT:
            location = behaviour.location or "/hooks/somewhere-else"
            return Response(status_code=behaviour.status or 302, headers={"location": location})
        case BehaviourKind.GONE:
            return JSONResponse({"error": "gone"}, 410)
        case BehaviourKind.TOO_MANY:
            retry_after = str(max(0, round(seconds_of(behaviour))))
            return JSONResponse({"error": "too many"}, 429, headers={"retry-after": retry_after})


def answer_honestly(received: Received) -> Response:
    """A receiver answers 400 to what it cannot verify, as a careful merchant would."""
    if received.verified:
        return JSONResponse({"received": True})
    return JSONResponse({"error": received.refused_because}, 400)


async def hang(receive: Receive, seconds: float) -> None:
    """Until the time is over, or the sender has given up."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wait_for_disconnect(receive)
