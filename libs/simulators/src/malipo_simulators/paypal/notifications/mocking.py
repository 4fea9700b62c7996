"""POST /v1/notifications/simulate-event: a mock event, of a payment that there never was.

As PayPal documents them, mock events are signed for the webhook id WEBHOOK_ID, belong to no app, are in no list, and can be
neither sent again nor verified by posting back.
"""

from malipo_simulators.kit.api.answers import Answer
from malipo_simulators.kit.webhooks.courier import Delivery
from malipo_simulators.paypal.errors import no_such_resource
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.notifications.operations import invalid, read_url
from malipo_simulators.paypal.notifications.publishing import Told, envelope
from malipo_simulators.paypal.notifications.samples import Samples, resource_type
from malipo_simulators.paypal.state.events import DESCRIPTIONS, EventType


def simulate(request: PaypalRequest) -> Answer:
    """Answers 202 with the event that is being sent."""
    name = request.body["event_type"]
    if name not in DESCRIPTIONS:
        raise invalid("Not a valid webhook event type", "event_type", name)
    event_type = EventType(name)
    url = read_target(request)
    event_id = request.world.new_event_id()
    told = Told(event_type, resource_type(event_type), Samples(request).resource(event_type), request.change.now)
    body = envelope(event_id, told, request.api_base)
    request.world.mock_courier(request.api_base).send(Delivery(event_id, body, url), 0)
    return Answer(202, body)


def read_target(request: PaypalRequest) -> str:
    """The URL that is given, or that of the webhook."""
    url, webhook_id = request.body.get("url"), request.body.get("webhook_id")
    if url is not None:
        return read_url(url)
    if webhook_id is None:
        raise invalid("Either url or webhook_id is required", "webhook_id")
    webhook = request.account.webhooks.find(webhook_id)
    if webhook is None:
        raise no_such_resource()
    return webhook.url
