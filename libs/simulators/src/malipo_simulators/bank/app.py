"""Puts the simulated bank and its control routes into one ASGI app."""

from fastapi import FastAPI

from malipo_simulators.bank.settings import BankSettings
from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.bank.tls_control import certificate_routes
from malipo_simulators.kit.app import create_app
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.webhooks.posting import Poster, WirePoster


def create_bank_app(settings: BankSettings | None = None, poster: Poster | None = None) -> FastAPI:
    """`poster` sends the webhooks; a test may hand in one that is its own receiver."""
    settings = settings or BankSettings()
    world = BankWorld(settings, poster or WirePoster(settings.webhook_timeout_seconds))

    def due() -> Json:
        return {"steps": world.agenda.run()}

    app = create_app("Partner bank simulator: control routes", world, due)
    app.include_router(certificate_routes(world.certificates))
    return app
