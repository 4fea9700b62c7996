"""Signs deliveries as PayPal does: RSA over the id and the time of the transmission, the webhook's id, and a checksum."""

import hashlib
import zlib
from dataclasses import dataclass
from uuid import UUID

from malipo_simulators.kit.faults.rules import Fault
from malipo_simulators.kit.timeline import Timeline
from malipo_simulators.kit.webhooks.courier import Delivery
from malipo_simulators.paypal.faults import PaypalFault
from malipo_simulators.paypal.objects.times import written
from malipo_simulators.paypal.webhooks.certificates import Certificate
from malipo_simulators.paypal.webhooks.keyring import PATH, Keyring
from malipo_simulators.paypal.webhooks.models import Event

ALGORITHM = "SHA256withRSA"
SIMULATED = "WEBHOOK_ID"
"""What simulated events are signed for, in place of a webhook's id."""
# Longer than PayPal goes on trying.
STALE_SECONDS = 4 * 86_400


@dataclass(frozen=True, slots=True)
class Signer:
    """Of the deliveries to one webhook, or of simulated ones, which have no `events`."""

    keyring: Keyring
    webhook_id: str
    api_base: str
    events: Timeline[Event] | None = None

    def write(self, delivery: Delivery, at: int) -> dict[str, str]:
        """All headers of one attempt at this time (Unix seconds). A flaw of the delivery makes them wrong."""
        transmission_id, begun = self._transmission(delivery, at)
        time, flaw = written(begun), delivery.flaw_now
        webhook_id = self.webhook_id[::-1] if flaw == PaypalFault.WEBHOOK_WRONG_ID else self.webhook_id
        shown, signing = self._certificates(delivery, flaw)
        return {
            "Content-Type": "application/json",
            "User-Agent": "PayPal/AUHD-214.0 (simulated)",
            "PAYPAL-AUTH-ALGO": ALGORITHM,
            "PAYPAL-AUTH-VERSION": "v2",
            "PAYPAL-CERT-URL": self._certificate_url(shown, elsewhere=flaw == PaypalFault.WEBHOOK_CERT_ELSEWHERE),
            "PAYPAL-TRANSMISSION-ID": transmission_id,
            "PAYPAL-TRANSMISSION-SIG": signing.sign(signed(transmission_id, time, webhook_id, delivery.body)),
            "PAYPAL-TRANSMISSION-TIME": time,
        }

    def _transmission(self, delivery: Delivery, at: int) -> tuple[str, int]:
        """Its id and time: those of the first attempt, also for each repeat."""
        event = self.events.find(delivery.event_id) if self.events is not None else None
        found = event.last_to(self.webhook_id) if event else None
        if found is None:
            return transmission_name(self.webhook_id, delivery.event_id, 0), at
        found.attempts = max(found.attempts, delivery.attempts)
        if delivery.flaw_now == Fault.WEBHOOK_STALE:
            return found.id, at - STALE_SECONDS
        if found.at is None:
            found.at = at
        return found.id, found.at

    def _certificates(self, delivery: Delivery, flaw: str | None) -> tuple[Certificate, Certificate]:
        """The one that is shown, and the one that signs: they differ in a forgery."""
        if delivery.forged:
            return self.keyring.current, self.keyring.stranger
        elsewhere = flaw == PaypalFault.WEBHOOK_CERT_ELSEWHERE
        used = self.keyring.stranger if elsewhere else self.keyring.flawed(flaw) or self.keyring.current
        return used, used

    def _certificate_url(self, shown: Certificate, *, elsewhere: bool) -> str:
        base = other_host(self.api_base) if elsewhere else self.api_base
        return f"{base}{PATH}/{shown.name}"


def signed(transmission_id: str, time: str, webhook_id: str, body: bytes) -> bytes:
    """What the signature is of; the checksum is CRC32, unsigned, in decimal."""
    return f"{transmission_id}|{time}|{webhook_id}|{zlib.crc32(body)}".encode()


def transmission_name(webhook_id: str, event_id: str, number: int) -> str:
    """As a UUID; `number` counts how often the event was sent to the webhook anew."""
    digest = hashlib.sha256(f"{webhook_id}/{event_id}/{number}".encode()).digest()
    return str(UUID(bytes=digest[:16], version=4))


def other_host(base: str) -> str:
    """Another name of this very simulator, as far as it has one."""
    scheme, _, reached = base.partition("://")
    host, colon, port = reached.partition(":")
    return f"{scheme}://{'127.0.0.1' if host == 'localhost' else 'localhost'}{colon}{port}"
