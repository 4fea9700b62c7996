"""Who is asking: by an access token, an API key, or the certificate of a connection that is secured both ways."""

import hashlib
from urllib.parse import unquote_plus

from starlette.requests import Request

from malipo_simulators.bank.errors import distrusted, invalid_client, unauthenticated
from malipo_simulators.bank.signing import Distrusted, claims_to_be_partner, partner_of
from malipo_simulators.bank.state.account import Customer
from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.kit.api.reading import REVOKED, bearer_token, client_of
from malipo_simulators.kit.ids import letters

API_KEY = "x-api-key"


def authenticate(world: BankWorld, incoming: Request, body: bytes) -> Customer:
    """Raise 401 for anybody who is not known."""
    if "authorization" in incoming.headers:
        return by_token(world, incoming)
    key = incoming.headers.get(API_KEY)
    return by_key(world, key) if key is not None else by_certificate(world, incoming, body)


def by_token(world: BankWorld, incoming: Request) -> Customer:
    token = bearer_token(incoming.headers["authorization"])
    client_id = world.tokens.owner(token) if token else None
    if client_id is None:
        raise unauthenticated("The access token is not known, or has ended.")
    return world.customer(client_id)


def by_key(world: BankWorld, key: str) -> Customer:
    """Any will do, but one that contains `revoked`. What stands before its first dot is the customer."""
    if not key or REVOKED in key:
        raise unauthenticated("The API key is not known.")
    name, dot, _ = key.partition(".")
    return world.customer(name if dot else f"key-{letters(hashlib.sha256(key.encode()).digest(), 12)}")


def by_certificate(world: BankWorld, incoming: Request, body: bytes) -> Customer:
    """Its subject's common name is the client, which has to sign with its key."""
    if not claims_to_be_partner(incoming):
        raise unauthenticated("Neither an access token, nor an API key, nor a client certificate.")
    try:
        return world.customer(partner_of(incoming, body, world.certificates.revoked).name)
    except Distrusted as error:
        raise distrusted(error.code, error.detail) from error


def read_client(world: BankWorld, incoming: Request) -> str:
    """The client's id; it and the secret come form-urlencoded (RFC 6749, 2.3.1). Raise 401 for one that is not known."""
    client = client_of(incoming)
    if client is None:
        raise invalid_client()
    return world.client_of(*map(unquote_plus, client))
