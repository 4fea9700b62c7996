"""Puts the simulated PayPal and its control routes into one ASGI app."""

from functools import partial

from fastapi import FastAPI

from malipo_simulators.kit.app import create_app
from malipo_simulators.kit.control.tokens import token_routes
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.webhooks.posting import Poster, WirePoster
from malipo_simulators.paypal.authorizations.control import authorization_routes
from malipo_simulators.paypal.book_control import book_routes
from malipo_simulators.paypal.captures.control import capture_routes
from malipo_simulators.paypal.disputes.control import dispute_routes
from malipo_simulators.paypal.due import run_due
from malipo_simulators.paypal.notifications.control import certificate_routes, webhook_routes
from malipo_simulators.paypal.notifications.publishing import publish
from malipo_simulators.paypal.orders.lifecycle import complete_approved
from malipo_simulators.paypal.payers.control import payer_routes, payer_script_routes
from malipo_simulators.paypal.payers.page import page_routes
from malipo_simulators.paypal.refunds.control import refund_routes
from malipo_simulators.paypal.routes import add_api
from malipo_simulators.paypal.settings import PaypalSettings
from malipo_simulators.paypal.state.world import PaypalWorld

CONTROL_ROUTES = (
    book_routes,
    payer_routes,
    payer_script_routes,
    page_routes,
    refund_routes,
    dispute_routes,
    capture_routes,
    authorization_routes,
    webhook_routes,
    certificate_routes,
)


def create_paypal_app(settings: PaypalSettings | None = None, poster: Poster | None = None) -> FastAPI:
    """`poster` sends the webhooks; a test may hand in one that is its own receiver."""
    settings = settings or PaypalSettings()
    world = PaypalWorld(settings, poster or WirePoster(settings.webhook_timeout_seconds))
    world.follow(partial(publish, world))
    world.follow(partial(complete_approved, world))

    def due() -> Json:
        return run_due(world)

    app = create_app("PayPal simulator: control routes", world, due)
    for routes in CONTROL_ROUTES:
        app.include_router(routes(world))
    app.include_router(token_routes(lambda: world.tokens))
    add_api(app, world)
    return app
