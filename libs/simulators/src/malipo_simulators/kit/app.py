"""The ASGI app of any simulator, with the control routes that all of them have."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI

from malipo_simulators.kit.control.faults import fault_routes
from malipo_simulators.kit.control.latency import latency_routes
from malipo_simulators.kit.control.requests import request_routes
from malipo_simulators.kit.control.world import world_routes
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.world import AnyWorld


def create_app(
    title: str, world: AnyWorld, run_due: Callable[[], Json] = dict, openapi_url: str = "/openapi.json"
) -> FastAPI:
    """Faults, latency, requests, health, clock and reset; the world is `app.state.world`, and is closed with the app.

    `run_due`: see `world_routes`. `openapi_url` is where the control routes are described. The simulator adds its book,
    its own control routes, and its API.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        yield
        await world.close()

    app = FastAPI(title=title, version="0.1.0", lifespan=lifespan, openapi_url=openapi_url)
    app.state.world = world
    for router in (request_routes(world), fault_routes(world), latency_routes(world), world_routes(world, run_due)):
        app.include_router(router)
    return app
