"""Puts the simulated Stripe API and its control routes into one ASGI app."""

from fastapi import FastAPI

from malipo_simulators.kit.api.endpoint import add_operation
from malipo_simulators.kit.app import create_app
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.webhooks.posting import Poster, WirePoster
from malipo_simulators.stripe.book_control import book_routes
from malipo_simulators.stripe.disputes.control import dispute_routes
from malipo_simulators.stripe.http.dialect import StripeDialect
from malipo_simulators.stripe.payment_intents.lapse import lapse_authorizations
from malipo_simulators.stripe.payment_methods.control import saved_card_routes
from malipo_simulators.stripe.payment_methods.issuer import issuer_routes
from malipo_simulators.stripe.payouts.control import payout_routes
from malipo_simulators.stripe.payouts.lifecycle import arrive_in_time
from malipo_simulators.stripe.refunds.control import refund_routes
from malipo_simulators.stripe.routes import OPERATIONS
from malipo_simulators.stripe.settings import StripeSettings
from malipo_simulators.stripe.state.world import StripeWorld
from malipo_simulators.stripe.threeds.control import threeds_routes
from malipo_simulators.stripe.webhook_endpoints.control import endpoint_routes


def create_stripe_app(settings: StripeSettings | None = None, poster: Poster | None = None) -> FastAPI:
    """`poster` sends the webhooks; a test may hand in one that is its own receiver."""
    settings = settings or StripeSettings()
    world = StripeWorld(settings, poster or WirePoster(settings.webhook_timeout_seconds))
    app = create_app("Stripe simulator: control routes", world, run_due=lambda: run_due(world))
    for routes in (
        *(book_routes, refund_routes, dispute_routes, payout_routes, endpoint_routes),
        *(threeds_routes, issuer_routes, saved_card_routes),
    ):
        app.include_router(routes(world))
    dialect = StripeDialect(world)
    for operation in OPERATIONS:
        add_operation(app, world, dialect, operation)
    return app


def run_due(world: StripeWorld) -> Json:
    """By the clock: authorizations lapse, and payouts arrive."""
    return {"lapsed": lapse_authorizations(world), "arrived": arrive_in_time(world)}
