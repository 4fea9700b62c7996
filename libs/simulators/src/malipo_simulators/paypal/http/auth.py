"""Who is asking: the merchant whose token it is, or for a token, the app whose id and secret these are."""

from starlette.requests import Request

from malipo_simulators.kit.api.reading import bearer_token, client_of
from malipo_simulators.paypal.errors import invalid_client, unauthenticated
from malipo_simulators.paypal.state.account import Account
from malipo_simulators.paypal.state.world import PaypalWorld


def authenticate(world: PaypalWorld, incoming: Request) -> tuple[Account, str]:
    """The account and its token, from `Authorization: Bearer ...`, or 401."""
    token = bearer_token(incoming.headers.get("authorization"))
    account = world.owner_of(token) if token else None
    if account is None or token is None:
        raise unauthenticated()
    return account, token


def read_app(world: PaypalWorld, incoming: Request) -> Account:
    """The account of the app that asks for a token, or 401."""
    client = client_of(incoming)
    if client is None:
        raise invalid_client()
    return world.account_of(*client)
