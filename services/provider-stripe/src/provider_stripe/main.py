"""Wires the Stripe provider: its client, the three verbs, and the kit that runs them."""

from datetime import timedelta
from functools import partial

from malipo.messaging.runtime import Runtime
from malipo.platform.application import Application
from malipo.platform.client import http_client
from provider_kit.exchanges import Recording
from provider_kit.service import provider_service
from provider_stripe.client import StripeClient
from provider_stripe.customers import Customers, StoredCustomers
from provider_stripe.provider import StripeProvider
from provider_stripe.settings import Settings
from provider_stripe.statement import StripeStatement

NAME = "provider-stripe"


def build(settings: Settings) -> Application:
    """The service."""
    runtime = Runtime(NAME, settings)
    http = http_client(
        base_url=settings.stripe_api_base,
        timeout_seconds=settings.stripe_timeout_seconds,
        connect_seconds=settings.stripe_connect_seconds,
        around=partial(Recording, request_id_header="Request-Id"),
    )
    runtime.on_stop(http.aclose)
    client = StripeClient(http, version=settings.stripe_version, timeout_seconds=settings.stripe_timeout_seconds)
    customers = Customers(client, StoredCustomers(runtime.database))
    provider = StripeProvider(client, customers, tolerance_seconds=settings.stripe_webhook_tolerance_seconds)
    every = timedelta(seconds=settings.stripe_statement_seconds)
    statement = StripeStatement(client, every=every) if every else None
    return provider_service(provider, runtime, settings, statement=statement)
