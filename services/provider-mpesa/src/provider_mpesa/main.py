"""Wires the provider M-Pesa: its client, the three verbs, and the kit that runs them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx

from malipo.contracts.commands import Mode
from malipo.messaging.database import Database
from malipo.messaging.runtime import Runtime
from malipo.platform.application import Application
from malipo.platform.client import http_client
from malipo.platform.secrets import KeyRing
from provider_kit.credentials import CredentialStore
from provider_kit.exchanges import Recording
from provider_kit.service import provider_service
from provider_kit.settings import hosts_of
from provider_kit.tokens import Tokens
from provider_mpesa import purposes
from provider_mpesa.account import Certificates
from provider_mpesa.certificate import read_certificate
from provider_mpesa.client import HOSTS, MpesaClient
from provider_mpesa.pauses import Pauses
from provider_mpesa.provider import MpesaProvider
from provider_mpesa.purposes import Purposes
from provider_mpesa.registrar import Registrar, Told, Wish
from provider_mpesa.registrations import REVIEW_SECONDS, Registrations
from provider_mpesa.settings import Settings
from provider_mpesa.statement import MpesaStatement

NAME = "provider-mpesa"


def build(settings: Settings) -> Application:
    """The service."""
    runtime = Runtime(NAME, settings)
    http = http_of(settings)
    runtime.on_stop(http.aclose)
    client = client_of(settings, runtime.database, http)
    provider = MpesaProvider(
        client,
        certificates_of(settings),
        Purposes(runtime.database),
        settle=timedelta(seconds=settings.mpesa_settle_seconds),
    )
    runtime.purge_after(purposes.PURGE, purposes.KEPT_DAYS)
    registrations = Registrations(runtime.database, credentials_of(settings, runtime.database))
    runtime.sweep("registrations", REVIEW_SECONDS, registrations.review)
    statement = MpesaStatement(
        client,
        queries_per_minute=settings.mpesa_statement_queries_per_minute,
        every=timedelta(seconds=settings.mpesa_statement_seconds),
        lateness=timedelta(seconds=settings.mpesa_statement_lateness_seconds),
    )
    return provider_service(provider, runtime, settings, statement=statement, senders=settings.senders)


async def register(settings: Settings, database: Database, credential_id: str, wish: Wish) -> Sequence[Told]:
    """Register an account at Safaricom; see `Registrar`. Raises `NoCredentials`, `SecretUnreadable` or `Misconfigured`."""
    credentials = credentials_of(settings, database)
    account = await credentials.by_id(credential_id)
    async with http_of(settings) as http:
        client, registrations = client_of(settings, database, http), Registrations(database, credentials)
        return await Registrar(client, credentials, registrations).register(account, wish)


def credentials_of(settings: Settings, database: Database) -> CredentialStore:
    """The credentials of all accounts, and their addresses."""
    key_ring, base = KeyRing.parse(settings.key_ring.get_secret_value()), settings.callback_base_url
    return CredentialStore(MpesaProvider.descriptor, database, key_ring, callback_base=base)


def http_of(settings: Settings) -> httpx.AsyncClient:  # noqa: TID251 - made below
    """The connections of all requests."""
    return http_client(
        timeout_seconds=settings.mpesa_timeout_seconds,
        connect_seconds=settings.mpesa_connect_seconds,
        keep_alive=False,  # a prompt must never be sent twice
        around=partial(Recording, request_id_header=None),
    )


def client_of(settings: Settings, database: Database, http: httpx.AsyncClient) -> MpesaClient:  # noqa: TID251 - made above
    """The client of all accounts."""
    name, key_ring = MpesaProvider.descriptor.name, KeyRing.parse(settings.key_ring.get_secret_value())
    return MpesaClient(
        http,
        Tokens(name, database, key_ring),
        Pauses(name, database),
        hosts=hosts_of(settings.mpesa_api_base, HOSTS),
        timeout_seconds=settings.mpesa_timeout_seconds,
    )


def certificates_of(settings: Settings) -> Certificates:
    """Safaricom's keys, as far as there are certificates."""
    live = settings.mpesa_certificate_file
    files: Mapping[Mode, Path | None] = {"live": live, "test": settings.mpesa_test_certificate_file or live}
    return Certificates({mode: read_certificate(path) for mode, path in files.items() if path is not None})
