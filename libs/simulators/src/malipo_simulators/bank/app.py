"""Puts the simulated bank and its control routes into one ASGI app."""

from functools import partial

from fastapi import FastAPI

from malipo_simulators.bank.book_control import book_routes
from malipo_simulators.bank.certificate_control import certificate_routes
from malipo_simulators.bank.notifications.control import event_routes, own_key_routes, webhook_routes
from malipo_simulators.bank.notifications.publishing import publish
from malipo_simulators.bank.payments.control import payment_routes, payment_script_routes
from malipo_simulators.bank.payments.page import desk_routes
from malipo_simulators.bank.routes import add_api
from malipo_simulators.bank.settings import BankSettings
from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.bank.statements.control import account_routes
from malipo_simulators.kit.app import create_app
from malipo_simulators.kit.control.tokens import token_routes
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.webhooks.posting import Poster, WirePoster

CONTROL_ROUTES = (
    book_routes,
    payment_routes,
    payment_script_routes,
    desk_routes,
    account_routes,
    webhook_routes,
    own_key_routes,
    event_routes,
)
CONTROL_DOCUMENT = "/_sim/openapi.json"
"""Of the control routes; `/openapi.json` is the bank's own."""


def create_bank_app(settings: BankSettings | None = None, poster: Poster | None = None) -> FastAPI:
    """`poster` sends the webhooks; a test may hand in one that is its own receiver."""
    settings = settings or BankSettings()
    world = BankWorld(settings, poster or WirePoster(settings.webhook_timeout_seconds))
    world.follow(partial(publish, world))

    def due() -> Json:
        return {"steps": world.agenda.run(), "delivered": world.webhooks.hurry(world.clock.advanced_seconds)}

    app = create_app("Partner bank simulator: control routes", world, due, CONTROL_DOCUMENT)
    for routes in CONTROL_ROUTES:
        app.include_router(routes(world))
    app.include_router(token_routes(lambda: world.tokens))
    app.include_router(certificate_routes(world.certificates))
    add_api(app, world)
    return app
