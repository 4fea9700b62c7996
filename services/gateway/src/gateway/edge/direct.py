"""Routes that are called with their request alone."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response


class DirectRoute(APIRoute):
    """A route whose endpoint takes the request, and calls by itself what its `dependencies` name.

    These are for the API's description: to solve them anew for each request costs the framework more than they cost us.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself."""
        return self.endpoint
