"""Wires the provider Acme Pay: its client, the three verbs, and the kit that runs them."""

from functools import partial

from malipo.messaging.runtime import Runtime
from malipo.platform.application import Application
from malipo.platform.client import http_client
from provider_acme.client import AcmeClient
from provider_acme.provider import AcmeProvider
from provider_acme.settings import Settings
from provider_kit.exchanges import Recording
from provider_kit.service import provider_service

NAME = "provider-acme"


def build(settings: Settings) -> Application:
    """The service."""
    runtime = Runtime(NAME, settings)
    http = http_client(
        base_url=settings.acme_api_base,
        timeout_seconds=settings.acme_timeout_seconds,
        connect_seconds=settings.acme_connect_seconds,
        around=partial(Recording, request_id_header=None),  # the header of a response that names its request, if any
    )
    runtime.on_stop(http.aclose)
    client = AcmeClient(http, timeout_seconds=settings.acme_timeout_seconds)
    return provider_service(AcmeProvider(client), runtime, settings)
