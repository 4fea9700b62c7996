"""Wires the provider PayPal: its client, the three verbs, and the kit that runs them."""

from functools import partial

from starlette.types import ASGIApp

from malipo.messaging.runtime import Runtime
from malipo.platform.client import http_client
from provider_kit.exchanges import Recording
from provider_kit.service import provider_service
from provider_paypal.client import PaypalClient
from provider_paypal.provider import PaypalProvider
from provider_paypal.settings import Settings

NAME = "provider-paypal"


def build(settings: Settings) -> ASGIApp:
    """The application of this service."""
    runtime = Runtime(NAME, settings)
    http = http_client(
        base_url=settings.paypal_api_base,
        timeout_seconds=settings.paypal_timeout_seconds,
        connect_seconds=settings.paypal_connect_seconds,
        around=partial(Recording, request_id_header=None),  # the header of a response that names its request, if any
    )
    runtime.on_stop(http.aclose)
    client = PaypalClient(http, timeout_seconds=settings.paypal_timeout_seconds)
    return provider_service(PaypalProvider(client), runtime, settings)
