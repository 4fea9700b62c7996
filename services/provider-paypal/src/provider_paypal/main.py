"""Wires the provider PayPal: its client, the three verbs, and the kit that runs them."""

from datetime import timedelta
from functools import partial

from malipo.messaging.runtime import Runtime
from malipo.platform.application import Application
from malipo.platform.client import http_client
from malipo.platform.secrets import KeyRing
from provider_kit import knowledge
from provider_kit.exchanges import Recording
from provider_kit.service import provider_service
from provider_kit.settings import hosts_of
from provider_kit.tokens import Tokens
from provider_paypal.authorities import authorities
from provider_paypal.certificates import FETCH_SECONDS, Certificates
from provider_paypal.client import HOSTS, PaypalClient
from provider_paypal.provider import PaypalProvider
from provider_paypal.settings import Settings
from provider_paypal.statement import PaypalStatement
from provider_paypal.verification import ByAsking, BySignature, Verifier

NAME = "provider-paypal"


def build(settings: Settings) -> Application:
    """The service."""
    runtime = Runtime(NAME, settings)
    http = http_client(
        timeout_seconds=settings.paypal_timeout_seconds,
        connect_seconds=settings.paypal_connect_seconds,
        around=partial(Recording, request_id_header="Paypal-Debug-Id"),
    )
    runtime.on_stop(http.aclose)
    key_ring = KeyRing.parse(settings.key_ring.get_secret_value())
    client = PaypalClient(
        http,
        Tokens(PaypalProvider.descriptor.name, runtime.database, key_ring),
        hosts=hosts_of(settings.paypal_api_base, HOSTS),
        timeout_seconds=settings.paypal_timeout_seconds,
    )
    verifier = verifier_of(settings, runtime, client)
    provider = PaypalProvider(client, verifier, honoured=honoured_of(settings))
    statement = PaypalStatement(
        client,
        lambda operations, references: knowledge.originals(runtime.database.reads, operations, references),
        every=timedelta(seconds=settings.paypal_statement_seconds),
        lateness=timedelta(seconds=settings.paypal_statement_lateness_seconds),
    )
    return provider_service(provider, runtime, settings, statement=statement)


def verifier_of(settings: Settings, runtime: Runtime, client: PaypalClient) -> Verifier:
    """What tells PayPal's webhooks from others. Certificates are fetched by a client of their own: they are nobody's exchange."""
    if settings.paypal_ask_about_webhooks:
        return ByAsking(client.ask)
    http = http_client(timeout_seconds=FETCH_SECONDS, connect_seconds=FETCH_SECONDS / 2, connections=20)
    runtime.on_stop(http.aclose)
    vouching = partial(authorities, settings.paypal_certificate_authorities_file)
    return BySignature(Certificates(http, origins=settings.origins, authorities=vouching))


def honoured_of(settings: Settings) -> timedelta | None:
    """How old an authorization is when it is renewed; None for never."""
    return timedelta(seconds=settings.paypal_reauthorize_seconds) or None
