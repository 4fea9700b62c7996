"""Where the webhooks of one account go, and all headers of a delivery."""

from dataclasses import dataclass
from typing import Literal

from malipo_simulators.bank.faults import BankFault
from malipo_simulators.bank.webhooks.keys import Keys
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.webhooks.courier import Courier, Delivery

type Signing = Literal["hmac", "jws"]


@dataclass(slots=True, eq=False)
class Endpoint:
    """Of a debtor account."""

    id: str
    account_id: str
    url: str
    signing: Signing
    keys: Keys
    courier: Courier

    def as_json(self) -> Json:
        """Without secrets."""
        named: Json = {"id": self.id, "debtor_account_id": self.account_id, "url": self.url, "signing": self.signing}
        return named | self.courier.counters()


def write_headers(keys: Keys, delivery: Delivery, at: int) -> dict[str, str]:
    """Of one attempt at this time (Unix seconds): each is signed anew. A flaw of the delivery makes them wrong."""
    message = f"{at}.{delivery.event_id}.".encode() + delivery.body
    unknown = delivery.flaw_now == BankFault.WEBHOOK_UNKNOWN_KEY
    key_id, signature = keys.sign(message, forged=delivery.forged, unknown=unknown)
    return {
        "Content-Type": "application/json",
        "User-Agent": "PartnerBank/1.0 (simulated)",
        "X-Bank-Event-Id": delivery.event_id,
        "X-Bank-Timestamp": str(at),
        "X-Bank-Key-Id": key_id,
        "X-Bank-Signature": signature,
    }
