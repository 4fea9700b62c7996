"""Who is asking: the app whose token it is, or for a token, the app whose key and secret these are."""

from starlette.requests import Request

from malipo_simulators.kit.api.reading import bearer_token, client_of
from malipo_simulators.mpesa.errors import invalid_authentication, invalid_header, invalid_token
from malipo_simulators.mpesa.state.apps import App
from malipo_simulators.mpesa.state.world import MpesaWorld


def authenticate(world: MpesaWorld, incoming: Request) -> tuple[App, str]:
    """The app and its token, from `Authorization: Bearer ...`. Raise what this product of Daraja says of a bad one."""
    token = bearer_token(incoming.headers.get("authorization"))
    if token is None:
        raise invalid_header()
    app = world.app_behind(token)
    if app is None:
        raise invalid_token(incoming.url.path)
    return app, token


def read_app(world: MpesaWorld, incoming: Request) -> App:
    """The app that asks for a token, by its key and secret."""
    client = client_of(incoming)
    if client is None:
        raise invalid_authentication()
    return world.apps.of(*client)
