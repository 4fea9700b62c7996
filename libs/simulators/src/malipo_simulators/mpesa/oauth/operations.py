"""GET /oauth/v1/generate: an access token for an app."""

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.errors import invalid_grant_type
from malipo_simulators.mpesa.http.request import MpesaRequest

GRANT = "client_credentials"


def generate(request: MpesaRequest) -> Json:
    """A new token; the app's last one is dead from now on. `expires_in` is text, whatever the portal's sample shows."""
    if request.given.get("grant_type") != GRANT:
        raise invalid_grant_type()
    token = request.world.tokens.issue(request.app.id)
    return {"access_token": token, "expires_in": str(request.world.settings.token_seconds)}
