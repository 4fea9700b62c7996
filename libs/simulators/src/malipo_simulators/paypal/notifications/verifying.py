"""POST /v1/notifications/verify-webhook-signature: whether we signed this, judged by the text of the event as it came."""

from json import JSONDecoder, detect_encoding
from typing import Any

from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.webhooks.certificates import Certificate
from malipo_simulators.paypal.webhooks.keyring import PATH
from malipo_simulators.paypal.webhooks.signing import ALGORITHM, signed

SPACE = " \t\n\r"
DECODER = JSONDecoder()


def verify(request: PaypalRequest) -> Answer:
    """SUCCESS or FAILURE. Who wrote the event anew, in another order or with other spaces, gets a FAILURE."""
    status = "SUCCESS" if is_ours(request) else "FAILURE"
    return Answer(200, encode({"verification_status": status}))


def is_ours(request: PaypalRequest) -> bool:
    """Of this app's webhook. Mock events were signed for none, so they never are."""
    given: Any = request.body
    certificate = certificate_at(request, given["cert_url"])
    webhook = request.account.webhooks.find(given["webhook_id"])
    event = raw_member(request.raw.decode(detect_encoding(request.raw)), "webhook_event")
    if certificate is None or webhook is None or event is None or given["auth_algo"] != ALGORITHM:
        return False
    message = signed(given["transmission_id"], given["transmission_time"], webhook.id, event.encode())
    return certificate.has_signed(message, given["transmission_sig"])


def certificate_at(request: PaypalRequest, url: str) -> Certificate | None:
    """One of ours, by a URL that ends as ours do: by which name we are reached is not our business."""
    _, path, name = url.partition(f"{PATH}/")
    return request.world.keyring.genuine(name) if path else None


def raw_member(document: str, name: str) -> str | None:
    """The text of a member of the outermost object, exactly as it is written there; of several, the last."""
    found, at = None, document.index("{") + 1
    while document[at := skip_space(document, at)] != "}":
        key, at = DECODER.raw_decode(document, at)
        begin = skip_space(document, document.index(":", at) + 1)
        _, at = DECODER.raw_decode(document, begin)
        found = document[begin:at] if key == name else found
        at = skip_space(document, at)
        at += document[at] == ","
    return found


def skip_space(document: str, at: int) -> int:
    while document[at] in SPACE:
        at += 1
    return at
