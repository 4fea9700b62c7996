"""Puts the simulated Daraja and its control routes into one ASGI app."""

from functools import partial

from fastapi import FastAPI

from malipo_simulators.kit.app import create_app
from malipo_simulators.kit.control.tokens import token_routes
from malipo_simulators.kit.webhooks.posting import Poster, WirePoster
from malipo_simulators.mpesa.account_balance.control import balance_routes
from malipo_simulators.mpesa.book_control import book_routes
from malipo_simulators.mpesa.c2b.control import hand_payment_routes, registration_routes
from malipo_simulators.mpesa.c2b.lifecycle import confirm
from malipo_simulators.mpesa.initiators.control import initiator_routes
from malipo_simulators.mpesa.pull.control import pull_routes
from malipo_simulators.mpesa.results.control import result_routes
from malipo_simulators.mpesa.routes import add_api
from malipo_simulators.mpesa.settings import MpesaSettings
from malipo_simulators.mpesa.shortcodes.control import shortcode_routes
from malipo_simulators.mpesa.state.world import MpesaWorld
from malipo_simulators.mpesa.stk.control import prompt_routes, prompt_script_routes
from malipo_simulators.mpesa.stk.lifecycle import lapse
from malipo_simulators.mpesa.stk.phone import phone_routes

CONTROL_ROUTES = (
    book_routes,
    shortcode_routes,
    prompt_routes,
    prompt_script_routes,
    phone_routes,
    hand_payment_routes,
    registration_routes,
    pull_routes,
    initiator_routes,
    result_routes,
    balance_routes,
)


def create_mpesa_app(settings: MpesaSettings | None = None, poster: Poster | None = None) -> FastAPI:
    """`poster` sends the callbacks; a test may hand in one that is its own receiver."""
    settings = settings or MpesaSettings()
    world = MpesaWorld(settings, poster or WirePoster(settings.webhook_timeout_seconds))
    world.follow(partial(confirm, world))
    app = create_app("M-Pesa simulator: control routes", world, run_due=lambda: {"timed_out": lapse(world)})
    for routes in CONTROL_ROUTES:
        app.include_router(routes(world))
    app.include_router(token_routes(lambda: world.tokens))
    add_api(app, world)
    return app
