"""Puts the simulated Stripe API and its control routes into one ASGI app."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.routing import Route

from malipo_simulators.posting import Poster, WirePoster
from malipo_simulators.stripe.control_book import book_routes
from malipo_simulators.stripe.control_dashboard import dashboard_routes
from malipo_simulators.stripe.control_endpoints import endpoint_routes
from malipo_simulators.stripe.control_faults import fault_routes
from malipo_simulators.stripe.control_world import world_routes
from malipo_simulators.stripe.operations import OPERATIONS, Operation, unrecognized
from malipo_simulators.stripe.pipeline import ApiEndpoint
from malipo_simulators.stripe.settings import StripeSettings
from malipo_simulators.stripe.threeds import threeds_routes
from malipo_simulators.stripe.world import World


def create_stripe_app(settings: StripeSettings | None = None, poster: Poster | None = None) -> FastAPI:
    """`poster` carries the webhooks; a test may hand in one that is its own receiver."""
    settings = settings or StripeSettings()
    world = World(settings, poster or WirePoster(settings.webhook_timeout_seconds))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        yield
        await world.close()

    app = FastAPI(title="Stripe simulator: control routes", version="0.1.0", lifespan=lifespan)
    app.state.world = world
    add_control(app, world)
    add_api(app, world)
    return app


def add_control(app: FastAPI, world: World) -> None:
    for routes in (book_routes, fault_routes, world_routes, dashboard_routes, endpoint_routes, threeds_routes):
        app.include_router(routes(world))


def add_api(app: FastAPI, world: World) -> None:
    for operation in OPERATIONS:
        app.router.routes.append(Route(operation.path, ApiEndpoint(world, operation), methods=[operation.method]))
    rest = ApiEndpoint(world, Operation("*", "/v1/{rest:path}", unrecognized))
    app.router.routes.append(Route("/v1/{rest:path}", rest, methods=["GET", "POST", "DELETE"]))
