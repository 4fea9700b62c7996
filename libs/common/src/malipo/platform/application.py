"""What a service is to whoever runs it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from starlette.types import ASGIApp


@dataclass(frozen=True)
class Application:
    """What works in the background, and what is asked at its ports."""

    running: Callable[[], AbstractAsyncContextManager[None]]
    """The background, while the block lasts."""
    admin: ASGIApp
    """Health and metrics, on a port for operators alone."""
    public: ASGIApp | None = None
    """The API, or a provider's callbacks; None where nobody calls."""
