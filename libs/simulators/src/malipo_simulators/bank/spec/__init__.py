"""The contract: the bank's OpenAPI document, `openapi.json`, which is the judge of whoever implements or uses it."""

from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

JSON = "application/json"


@cache
def document() -> bytes:
    return files(__name__).joinpath("openapi.json").read_bytes()


def route(path: str) -> Route:
    """Serves it to everybody."""

    async def serve(_: Request) -> Response:
        return Response(document(), media_type=JSON)

    return Route(path, serve)
