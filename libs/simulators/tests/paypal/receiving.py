"""A receiver's view of the simulated PayPal's notifications: their signatures and certificates, and posting them back."""

import base64
import json
import zlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

HOOK = "http://shop.test/hook"
HOST = "messageverificationcerts.sandbox.paypal.com"
WEBHOOKS, EVENTS = "/v1/notifications/webhooks", "/v1/notifications/webhooks-events"


async def listen(paypal, *types: str, url: str = HOOK) -> str:
    """The id of a new webhook."""
    answer = await paypal.post(WEBHOOKS, {"url": url, "event_types": [{"name": one} for one in types or ("*",)]})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def message(request, webhook_id: str) -> bytes:
    transmission, time = request.headers["paypal-transmission-id"], request.headers["paypal-transmission-time"]
    return f"{transmission}|{time}|{webhook_id}|{zlib.crc32(request.content)}".encode()


async def certificates(paypal, request) -> list[x509.Certificate]:
    answer = await paypal.http.get(request.headers["paypal-cert-url"])
    assert answer.status_code == 200
    return x509.load_pem_x509_certificates(answer.content)


async def chain_is_good(paypal, request) -> bool:
    """As a receiver has to look at it: up to the root, now, and for PayPal's name."""
    root = x509.load_pem_x509_certificate((await paypal.http.get("/_sim/certificates/root.pem")).content)
    leaf, *others = await certificates(paypal, request)
    verifier = PolicyBuilder().store(Store([root])).build_server_verifier(x509.DNSName(HOST))
    try:
        return len(verifier.verify(leaf, others)) == 3
    except VerificationError:
        return False


async def is_signed(paypal, request, webhook_id: str) -> bool:
    leaf, *_ = await certificates(paypal, request)
    signature = base64.b64decode(request.headers["paypal-transmission-sig"])
    try:
        leaf.public_key().verify(signature, message(request, webhook_id), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


async def posted_back(paypal, request, webhook_id: str, *, event: bytes | None = None) -> str:
    """What PayPal says to the notification, the event's text spliced in as it came."""
    headers = {
        "auth_algo": request.headers["paypal-auth-algo"],
        "cert_url": request.headers["paypal-cert-url"],
        "transmission_id": request.headers["paypal-transmission-id"],
        "transmission_sig": request.headers["paypal-transmission-sig"],
        "transmission_time": request.headers["paypal-transmission-time"],
        "webhook_id": webhook_id,
    }
    text = json.dumps(headers).encode()[:-1] + b', "webhook_event": ' + (event or request.content) + b"}"
    asked = {"authorization": f"Bearer {paypal.token}", "content-type": "application/json"}
    answer = await paypal.http.post("/v1/notifications/verify-webhook-signature", content=text, headers=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["verification_status"]
