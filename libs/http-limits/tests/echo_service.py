"""A small application on the server that every service runs on: `python echo_service.py <port> <Limits as JSON>`.

`drain_seconds` may be among the limits.
"""

import asyncio
import json
import sys

from http_limits.limits import Limits
from http_limits.remote import networks
from http_limits.server import serve

SECONDS = {"/slow": 0.5, "/slower": 3.0}
"""How long some take to be answered."""


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    body = b"" if scope["path"] == "/unread" else await whole(receive)
    if body is None:
        return
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


async def lifespan(receive, send):
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


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
    given = json.loads(sys.argv[2])
    drain_seconds = given.pop("drain_seconds", 0)
    limits = Limits(**given | {"trusted_proxies": networks(given.get("trusted_proxies", ""))})
    serve(app, "127.0.0.1", int(sys.argv[1]), stop_seconds=5, limits=limits, drain_seconds=drain_seconds)
