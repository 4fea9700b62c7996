"""Who is asking: the merchant whose token it is, or for a token, the app whose id and secret these are."""

from starlette.requests import Request

from malipo_simulators.kit.api.reading import basic_pair, bearer_token
from malipo_simulators.paypal.errors import invalid_client, unauthenticated
from malipo_simulators.paypal.state.account import Account
from malipo_simulators.paypal.state.world import PaypalWorld

REVOKED = "revoked"


def authenticate(world: PaypalWorld, incoming: Request) -> tuple[Account, str]:
    """The account and its token, from `Authorization: Bearer ...`, or 401."""
    token = bearer_token(incoming.headers.get("authorization"))
    account = world.owner_of(token) if token else None
    if account is None or token is None:
        raise unauthenticated()
    return account, token


def read_app(world: PaypalWorld, incoming: Request) -> Account:
    """The account of `Authorization: Basic base64(id:secret)`; any will do, but one that contains `revoked`."""
    client_id, secret = basic_pair(incoming.headers.get("authorization")) or ("", "")
    if not (client_id and secret) or REVOKED in client_id + secret:
        raise invalid_client()
    return world.account_of(client_id, secret)
