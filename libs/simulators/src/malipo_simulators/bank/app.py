"""Puts the simulated API of Partner bank and its control routes into one ASGI app."""

from fastapi import FastAPI

from malipo_simulators.bank.world import BankWorld
from malipo_simulators.kit.app import create_app
from malipo_simulators.kit.settings import SimulatorSettings
from malipo_simulators.kit.webhooks.posting import Poster, WirePoster


def create_bank_app(settings: SimulatorSettings | None = None, poster: Poster | None = None) -> FastAPI:
    """`poster` sends the webhooks; a test may hand in one that is its own receiver."""
    settings = settings or SimulatorSettings()
    world = BankWorld(settings, poster or WirePoster(settings.webhook_timeout_seconds))
    return create_app("Partner bank simulator: control routes", world)
