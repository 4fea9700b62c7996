"""Tells PayPal's webhooks from anybody's: by the signature of PayPal's certificate, or by PayPal's own word.

What is signed is `<transmission id>|<transmission time>|<webhook id>|<CRC-32 of the body>`, over the body exactly as it came.
Source: "Webhooks", "Verify webhook signature" (Webhooks Management 1.11).
"""

import base64
import binascii
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from malipo import clock
from malipo.contracts.commands import Mode
from provider_kit.errors import BadSignature, NotSent
from provider_kit.provider import Callback, Credentials
from provider_kit.reading import moment
from provider_kit.sending import nothing_begun
from provider_paypal.account import PaypalAccount, read_account
from provider_paypal.mapping import problem_in
from provider_paypal.objects import VERIFICATIONS, PaypalResponse
from provider_paypal.requests import VERIFY_PATH

WINDOW, AHEAD = timedelta(days=3, hours=1), timedelta(minutes=5)
"""How old a transmission may be, and how far our clock may be behind PayPal's. PayPal sends again for three days, and does not
say whether the time is then another one. What comes again within it is a repeat of the event's id, which is signed, too.
"""
_ALGORITHM = "SHA256withRSA"
_MAX_CHARS = 1000


class Verifier(Protocol):
    """Tells whether a webhook is PayPal's."""

    async def verify(self, callback: Callback, credentials: Credentials) -> None:
        """Raises `BadSignature` unless it is genuine, fresh and of one of the account's webhooks; `NotSent` or `Misconfigured`
        while that cannot be found out.
        """
        ...


class KeySource(Protocol):
    """Where keys come from: `Certificates`."""

    async def find(self, url: str, mode: Mode) -> RSAPublicKey:
        """See `Certificates.find`."""
        ...


@dataclass(frozen=True, slots=True)
class Transmission:
    """What PayPal says of a webhook in its headers. `time` is as it was written."""

    id: str
    time: str
    signature: str
    certificate_url: str

    def signed(self, webhook_id: str, body: bytes) -> bytes:
        """The text whose signature it is to have."""
        return f"{self.id}|{self.time}|{webhook_id}|{zlib.crc32(body)}".encode()


class BySignature:
    """Verifies here, with PayPal's certificate."""

    def __init__(self, keys: KeySource) -> None:
        self._keys = keys

    async def verify(self, callback: Callback, credentials: Credentials) -> None:
        """See `Verifier.verify`."""
        account, sent = _expected(credentials), read_transmission(callback, clock.now())
        signature = _bytes_of(sent.signature)
        key = await self._keys.find(sent.certificate_url, callback.mode)
        if not any(_has_signed(key, signature, sent.signed(one, callback.body)) for one in account.webhook_ids):
            raise BadSignature("not signed for a webhook of this account")


class ByAsking:
    """Has PayPal verify. `ask` posts a question to PayPal's API; see `PaypalClient.ask`."""

    def __init__(self, ask: Callable[[PaypalAccount, Mode, str, bytes], Awaitable[PaypalResponse]]) -> None:
        self._ask = ask

    async def verify(self, callback: Callback, credentials: Credentials) -> None:
        """See `Verifier.verify`."""
        account, sent = _expected(credentials), read_transmission(callback, clock.now())
        _refuse_what_is_no_json(callback.body)
        for webhook_id in account.webhook_ids:
            if await self._is_genuine(account, callback, sent, webhook_id):
                return
        raise BadSignature("PayPal does not know this webhook as one of this account")

    async def _is_genuine(
        self, account: PaypalAccount, callback: Callback, sent: Transmission, webhook_id: str
    ) -> bool:
        with nothing_begun("PayPal does not say whether a webhook is genuine"):
            response = await self._ask(account, callback.mode, VERIFY_PATH, question(sent, webhook_id, callback.body))
        if response.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY) or _is_unheard_of(response):
            return False
        try:
            said = VERIFICATIONS.decode(response.body).verification_status if response.status == HTTPStatus.OK else ""
        except ValueError:
            said = ""
        if said not in ("SUCCESS", "FAILURE"):
            msg = f"PayPal does not say whether a webhook is genuine: http {response.status}"
            raise NotSent(msg, retry_after_seconds=response.retry_after_seconds)
        return said == "SUCCESS"


def read_transmission(callback: Callback, now: datetime) -> Transmission:
    """What the headers say. Raises `BadSignature` for what they cannot say, and for what is not of this time."""
    names = ("transmission-id", "transmission-time", "transmission-sig", "cert-url")
    sent = Transmission(*(_header(callback, name) for name in names))
    if _header(callback, "auth-algo") != _ALGORITHM:
        raise BadSignature("signed in another way than PayPal's")
    sent_at = moment(sent.time)
    if sent_at is None or "|" in sent.id:
        raise BadSignature("no transmission of PayPal's")
    if not -AHEAD <= now - sent_at <= WINDOW:
        raise BadSignature("not of this time")
    return sent


def question(sent: Transmission, webhook_id: str, body: bytes) -> bytes:
    """Asks PayPal about a webhook. Its body stands there byte for byte: written anew it would have another CRC."""
    asked = {
        "auth_algo": _ALGORITHM,
        "cert_url": sent.certificate_url,
        "transmission_id": sent.id,
        "transmission_sig": sent.signature,
        "transmission_time": sent.time,
        "webhook_id": webhook_id,
    }
    return msgspec.json.encode(asked)[:-1] + b',"webhook_event":' + body + b"}"


def _expected(credentials: Credentials) -> PaypalAccount:
    account = read_account(credentials)
    if not account.webhook_ids:
        raise BadSignature("the credentials have no webhook_ids")
    return account


def _header(callback: Callback, name: str) -> str:
    found = callback.headers.get(f"paypal-{name}", "")
    if not found or len(found) > _MAX_CHARS or not found.isascii() or not found.isprintable():
        raise BadSignature("a header of PayPal's is missing, or unlike PayPal's")
    return found


def _bytes_of(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except binascii.Error:
        raise BadSignature("no signature") from None


def _has_signed(key: RSAPublicKey, signature: bytes, text: bytes) -> bool:
    try:
        key.verify(signature, text, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _is_unheard_of(response: PaypalResponse) -> bool:
    """Whether PayPal has no such webhook, as of one that was deleted. A 404 that is not PayPal's own may be of a proxy."""
    return response.status == HTTPStatus.NOT_FOUND and problem_in(response) is not None


def _refuse_what_is_no_json(body: bytes) -> None:
    """What is one object stays one where it is put: it cannot end there and go on with another `webhook_id`."""
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        raise BadSignature("no event") from None
