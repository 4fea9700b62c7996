"""Health: alive means the event loop turns, ready means the service can do its work now."""

from collections.abc import Callable, Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from http_limits.limits import STOPPING
from malipo.platform.metrics import PROBLEMS, metrics_page

Check = Callable[[], str | None]
"""Says what is wrong, or None when all is well. Must not block."""


class Health:
    """Collects the checks of one process."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._worries: dict[str, Check] = {}

    def require(self, name: str, check: Check) -> None:
        """Make readiness depend on `check`."""
        self._checks[name] = check
        _show(name, check)

    def warn(self, name: str, check: Check) -> None:
        """Show what `check` returns: the service is `degraded` then, and still does most of its work, so it stays in service."""
        self._worries[name] = check
        _show(name, check)

    def problems(self) -> dict[str, str]:
        """What is wrong now, by check; empty when ready."""
        return _wrong(self._checks)

    def warnings(self) -> dict[str, str]:
        """What a part of the service cannot do now, by check."""
        return _wrong(self._worries)

    def pages(self) -> Starlette:
        """What the admin port serves, for operators alone: `/health/live`, `/health/ready` and `/metrics`."""
        pages = {"/health/live": self._live, "/health/ready": self._ready, "/metrics": metrics_page}
        app = Starlette(routes=[Route(path, show) for path, show in pages.items()])
        app.router.redirect_slashes = False  # such an answer names whatever host the asker has named
        return app

    async def _live(self, _request: Request) -> JSONResponse:
        return JSONResponse({"status": "alive"})

    async def _ready(self, request: Request) -> JSONResponse:
        problems, worries = self.problems(), self.warnings()
        if request.scope.get("state", {}).get(STOPPING):
            problems |= {"stopping": "the process was told to stop; it serves until it is sent no more requests"}
        status = "not ready" if problems else "degraded" if worries else "ready"
        return JSONResponse({"status": status, "problems": problems | worries}, 503 if problems else 200)


def _show(name: str, check: Check) -> None:
    PROBLEMS.labels(name).set_function(lambda: float(check() is not None))


def _wrong(checks: Mapping[str, Check]) -> dict[str, str]:
    return {name: wrong for name, check in checks.items() if (wrong := check()) is not None}
