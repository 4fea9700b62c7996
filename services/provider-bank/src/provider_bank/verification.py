"""Tells a partner bank's webhooks from anybody's, and which account they name.

What is signed is `<timestamp>.<event id>.<body>`, over the body exactly as it came: with a secret of the account
(HMAC-SHA256), or by the bank for all its customers (JWS). Source: the contract, docs/providers/bank.md, "Webhooks".
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provider_bank import jws
from provider_bank.account import BankAccount, read_account
from provider_bank.keys import Keys
from provider_bank.objects import DEBITED, EVENTS
from provider_bank.partners import Partner
from provider_kit.errors import BadSignature, Misconfigured, Stale
from provider_kit.provider import Callback, Credentials
from provider_kit.shared import SharedAddress

WINDOW_SECONDS = 300
"""How far the time of a webhook may be from ours."""

_HMAC = "v1="
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_EVENT_ID = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)
_TIMESTAMP = re.compile(r"\d{1,12}", re.ASCII)
_DIGEST = re.compile(r"v1=(?P<digest>[0-9a-f]{64})", re.ASCII)
_MAX_ACCOUNT_CHARS = 200


@dataclass(frozen=True, slots=True)
class Sent:
    """What the headers of a webhook say."""

    event_id: str
    timestamp: str
    signature: str
    payload: bytes


class Verifier:
    """Verifies webhooks in the way of the account's partner."""

    def __init__(self, partners: Mapping[str, Partner], keys: Keys) -> None:
        self._partners = partners
        self._keys = keys

    async def verify(self, callback: Callback, credentials: Credentials) -> Sent:
        """What was sent. Raises `BadSignature` unless it is genuine, and `Stale` unless it is of this time.

        Raises `NotSent` while a key of the bank's cannot be read, and `Misconfigured` for an account of no partner.
        """
        account, sent = read_account(credentials), read_headers(callback)
        partner = self._partners.get(account.partner)
        if partner is None:
            msg = f"no partner bank `{account.partner}` is set up"
            raise Misconfigured(msg)
        if partner.webhooks == "jws":
            await self._by_jws(account, sent)
        else:
            by_hmac(account, callback.headers.get("x-bank-key-id", ""), sent)
        return sent

    async def _by_jws(self, account: BankAccount, sent: Sent) -> None:
        signature = jws.read(sent.signature)
        if not signature.is_of(sent.payload, await self._keys.find(account.partner, signature.kid)):
            raise BadSignature("not signed by the bank")


def by_hmac(account: BankAccount, key_id: str, sent: Sent) -> None:
    """Raises `BadSignature` unless the key of that id, one of the account's, has signed it."""
    found = _DIGEST.fullmatch(sent.signature)
    secrets = [key.secret for key in account.webhook_keys if key.id == key_id]
    if found is None or not secrets:
        raise BadSignature("no signature with a key of this account")
    digests = [hmac.new(secret.encode(), sent.payload, hashlib.sha256).hexdigest() for secret in secrets]
    if not any(hmac.compare_digest(digest, found["digest"]) for digest in digests):
        raise BadSignature("not signed with the key that it names")


def read_headers(callback: Callback) -> Sent:
    """What the headers say. Raises `BadSignature` for what they cannot say, and `Stale` for what is not of this time."""
    event_id, timestamp, signature = (
        callback.headers.get(f"x-bank-{name}", "") for name in ("event-id", "timestamp", "signature")
    )
    if not _EVENT_ID.fullmatch(event_id) or not _TIMESTAMP.fullmatch(timestamp) or not signature:
        raise BadSignature("a header of the bank's is missing, or unlike the bank's")
    if abs(callback.arrived_at.timestamp() - int(timestamp)) > WINDOW_SECONDS:
        raise Stale("not of this time")
    return Sent(event_id, timestamp, signature, b".".join((timestamp.encode(), event_id.encode(), callback.body)))


def names_of(credentials: Credentials) -> Sequence[str]:
    """What webhooks may name an account by: what the bank calls it, with and without the id of a key, and that id alone.

    Raises `Misconfigured`.
    """
    account = read_account(credentials)
    keys, called = [f"key/{key.id}" for key in account.webhook_keys], f"account/{account.debtor_account_id}"
    return [called, *keys, *(f"{key}/{called}" for key in keys)]


def named_in(callback: Callback) -> str:
    """Which of these a webhook gives: a key's id, which the bank may give many of its customers, with the account that the
    event is of, if it is of one; where the bank signs for all its customers, that account.
    """
    called = _account_in(callback.body)
    if callback.headers.get("x-bank-signature", "").startswith(_HMAC):
        key_id = callback.headers.get("x-bank-key-id", "")
        if not _KEY_ID.fullmatch(key_id):
            raise BadSignature("names no key")
        return "/".join(filter(None, (f"key/{key_id}", called)))
    if called is None:
        raise BadSignature("names no account")
    return called


def _account_in(body: bytes) -> str | None:
    try:
        debited = DEBITED.decode(EVENTS.decode(body).data).debtor_account_id
    except ValueError:
        return None
    fits = 0 < len(debited) <= _MAX_ACCOUNT_CHARS and debited.isprintable()
    return f"account/{debited}" if fits else None


SHARED = SharedAddress(names_of=names_of, named_in=named_in)
