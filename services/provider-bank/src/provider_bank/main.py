"""Wires the provider Partner bank: its client, the three verbs, and the kit that runs them."""

from functools import partial

from starlette.types import ASGIApp

from malipo.messaging.runtime import Runtime
from malipo.platform.client import http_client
from provider_bank.client import BankClient
from provider_bank.provider import BankProvider
from provider_bank.settings import Settings
from provider_kit.exchanges import Recording
from provider_kit.service import provider_service

NAME = "provider-bank"


def build(settings: Settings) -> ASGIApp:
    """The application of this service."""
    runtime = Runtime(NAME, settings)
    http = http_client(
        base_url=settings.bank_api_base,
        timeout_seconds=settings.bank_timeout_seconds,
        connect_seconds=settings.bank_connect_seconds,
        around=partial(Recording, request_id_header=None),  # the header of a response that names its request, if any
    )
    runtime.on_stop(http.aclose)
    client = BankClient(http, timeout_seconds=settings.bank_timeout_seconds)
    return provider_service(BankProvider(client), runtime, settings)
