"""Wires the provider M-Pesa: its client, the three verbs, and the kit that runs them."""

from functools import partial

from starlette.types import ASGIApp

from malipo.messaging.runtime import Runtime
from malipo.platform.client import http_client
from provider_kit.exchanges import Recording
from provider_kit.service import provider_service
from provider_mpesa.client import MpesaClient
from provider_mpesa.provider import MpesaProvider
from provider_mpesa.settings import Settings

NAME = "provider-mpesa"


def build(settings: Settings) -> ASGIApp:
    """The application of this service."""
    runtime = Runtime(NAME, settings)
    http = http_client(
        base_url=settings.mpesa_api_base,
        timeout_seconds=settings.mpesa_timeout_seconds,
        connect_seconds=settings.mpesa_connect_seconds,
        around=partial(Recording, request_id_header=None),  # the header of a response that names its request, if any
    )
    runtime.on_stop(http.aclose)
    client = MpesaClient(http, timeout_seconds=settings.mpesa_timeout_seconds)
    return provider_service(MpesaProvider(client), runtime, settings)
