"""Wires the provider M-Pesa: its client, the three verbs, and the kit that runs them."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

from starlette.types import ASGIApp

from malipo.contracts.commands import Mode
from malipo.messaging.runtime import Runtime
from malipo.platform.client import http_client
from malipo.platform.secrets import KeyRing
from provider_kit.exchanges import Recording
from provider_kit.service import provider_service
from provider_kit.tokens import Tokens
from provider_mpesa import purposes
from provider_mpesa.account import Certificates
from provider_mpesa.certificate import read_certificate
from provider_mpesa.client import HOSTS, MpesaClient
from provider_mpesa.pauses import Pauses
from provider_mpesa.provider import MpesaProvider
from provider_mpesa.purposes import Purposes
from provider_mpesa.settings import Settings
from provider_mpesa.statement import MpesaStatement

NAME = "provider-mpesa"


def build(settings: Settings) -> ASGIApp:
    """The application of this service."""
    runtime = Runtime(NAME, settings)
    client = client_of(settings, runtime)
    provider = MpesaProvider(
        client,
        certificates_of(settings),
        Purposes(runtime.database),
        settle=timedelta(seconds=settings.mpesa_settle_seconds),
    )
    runtime.purge_after(purposes.PURGE, purposes.KEPT_DAYS)
    statement = MpesaStatement(client, queries_per_minute=settings.mpesa_statement_queries_per_minute)
    return provider_service(provider, runtime, settings, statement=statement, senders=settings.senders)


def client_of(settings: Settings, runtime: Runtime) -> MpesaClient:
    """The client of all accounts."""
    http = http_client(
        timeout_seconds=settings.mpesa_timeout_seconds,
        connect_seconds=settings.mpesa_connect_seconds,
        keep_alive=False,  # a prompt must never be sent twice
        around=partial(Recording, request_id_header=None),
    )
    runtime.on_stop(http.aclose)
    name, key_ring = MpesaProvider.descriptor.name, KeyRing.parse(settings.key_ring.get_secret_value())
    return MpesaClient(
        http,
        Tokens(name, runtime.database, key_ring),
        Pauses(name, runtime.database),
        hosts=hosts_of(settings),
        timeout_seconds=settings.mpesa_timeout_seconds,
    )


def hosts_of(settings: Settings) -> Mapping[Mode, str]:
    """Where the requests of each mode go."""
    base = settings.mpesa_api_base
    return HOSTS if base is None else {"test": base, "live": base}


def certificates_of(settings: Settings) -> Certificates:
    """Safaricom's keys, as far as there are certificates."""
    live = settings.mpesa_certificate_file
    files: Mapping[Mode, Path | None] = {"live": live, "test": settings.mpesa_test_certificate_file or live}
    return Certificates({mode: read_certificate(path) for mode, path in files.items() if path is not None})
