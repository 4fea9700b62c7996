"""Wires the provider Partner bank: its client, the three verbs, and the kit that runs them."""

from datetime import timedelta
from functools import partial

from malipo.messaging.runtime import Runtime
from malipo.platform.application import Application
from malipo.platform.secrets import KeyRing
from provider_bank.client import BankClient
from provider_bank.connections import Connections, client_of
from provider_bank.expiry import LOOK_SECONDS, Expiry
from provider_bank.provider import BankProvider
from provider_bank.settings import Settings
from provider_bank.statement import BankStatement
from provider_bank.verification import SHARED
from provider_kit import knowledge
from provider_kit.credentials import CredentialStore
from provider_kit.service import provider_service
from provider_kit.tokens import Tokens

NAME = "provider-bank"


def build(settings: Settings) -> Application:
    """The service."""
    runtime = Runtime(NAME, settings)
    key_ring = KeyRing.parse(settings.key_ring.get_secret_value())
    connections = Connections(partial(client_of, connect_seconds=settings.bank_connect_seconds))
    runtime.on_stop(connections.aclose)
    descriptor = BankProvider.descriptor
    client = BankClient(connections, Tokens(descriptor.name, runtime.database, key_ring))
    expiry = Expiry(CredentialStore(descriptor, runtime.database, key_ring))
    runtime.sweep("certificates", LOOK_SECONDS, expiry.look)
    statement = BankStatement(
        client,
        settings.bank_partners,
        lambda operations, references: knowledge.originals(runtime.database.reads, operations, references),
        every=timedelta(seconds=settings.bank_statement_seconds),
    )
    provider = BankProvider(client, settings.bank_partners)
    return provider_service(provider, runtime, settings, statement=statement, shared=SHARED)
