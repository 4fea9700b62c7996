"""A small service on the server that every service runs on: `python echo_service.py <port> <admin port> <Limits as JSON>`.

`drain_seconds` may be among the limits, and `stays`: what is behind its ports ends only once somebody has asked for `/end`.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from functools import partial

from http_limits.limits import ADMIN, Limits
from http_limits.remote import networks
from http_limits.server import Port, serve

ENDED = asyncio.Event()
SECONDS = {"/slow": 0.5, "/slower": 3.0}
"""How long some take to be answered."""


async def app(scope, receive, send):
    body = b"" if scope["path"] == "/unread" else await whole(receive)
    if body is None:
        return
    if scope["path"] == "/end":
        ENDED.set()
    await asyncio.sleep(SECONDS.get(scope["path"], 0.0))
    if scope["path"] == "/large":
        return await answer(send, b"x" * 50_000_000)
    await answer(
        send,
        json.dumps(
            {
                "path": scope["path"],
                "client": scope["client"][0],
                "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
                "length": len(body),
                "stopping": scope["state"].get("stopping", False),
            }
        ).encode(),
    )


@asynccontextmanager
async def running(stays):
    yield
    if stays:
        await ENDED.wait()


async def whole(receive):
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            return body
    return None


async def answer(send, body):
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    port, admin_port, given = *map(int, sys.argv[1:3]), json.loads(sys.argv[3])
    drain_seconds, stays = given.pop("drain_seconds", 0), given.pop("stays", False)
    limits = Limits(**given | {"trusted_proxies": networks(given.get("trusted_proxies", ""))})
    serve(
        partial(running, stays),
        admin=Port(app, "127.0.0.1", admin_port, ADMIN, settings="ADMIN"),
        public=Port(app, "127.0.0.1", port, limits, settings="HTTP") if port else None,
        stop_seconds=5,
        drain_seconds=drain_seconds,
    )
