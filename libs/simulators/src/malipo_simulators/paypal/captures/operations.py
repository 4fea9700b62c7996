"""The /v2/payments/captures operations: a capture can only be read here; see `refunds` for the money's way back."""

from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.paypal.http.finding import owned
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.objects.models import Capture
from malipo_simulators.paypal.objects.render import render_capture


def find(request: PaypalRequest) -> Capture:
    return owned(request, lambda account: account.captures)


def retrieve(request: PaypalRequest) -> Answer:
    """Answers GET /v2/payments/captures/{id}."""
    return Answer(200, encode(render_capture(find(request))))
