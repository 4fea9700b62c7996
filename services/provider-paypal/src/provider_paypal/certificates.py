"""PayPal's certificates, by which it signs webhooks: fetched from listed origins alone, believed by chain, name and time.

Anybody may name an address in a webhook that nobody has signed. So nothing is fetched from elsewhere, few at a time, each
address by one at a time, and what an address does not have is remembered for a while.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from malipo import clock
from malipo.contracts.commands import Mode
from malipo.platform.logs import log
from provider_kit.errors import BadSignature, NotSent
from provider_kit.sending import ResponseTooLong, Silence, exchange

FETCH_SECONDS = 5.0
"""The longest time of one fetch: the sender of the webhook waits."""

_LIVE, _TEST = "messageverificationcerts.paypal.com", "messageverificationcerts.sandbox.paypal.com"
NAMES: Mapping[Mode, Sequence[str]] = {"live": (_LIVE,), "test": (_TEST, _LIVE)}
"""Whom a certificate has to be of, by mode. PayPal's Java SDK has them (`SSLUtil`)."""

_MAX_BYTES = 64 * 1024  # far above any chain of certificates
_MAX_CHAIN = 8
_MAX_URL_CHARS = 500  # as PayPal's own schema has it
_AT_ONCE = 8  # fetches, whoever names the addresses
_MOST_KEPT, _MOST_REFUSED = 64, 1000  # PayPal has a few at a time; forged addresses are as many as somebody likes
_REFUSED_FOR = timedelta(minutes=1)  # a new certificate may be there by then
_AWAY_FOR = timedelta(seconds=5)
"""So short that a burst of webhooks does not wait, one after the other, for a host that is away."""
_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


@dataclass(frozen=True, slots=True)
class SigningCertificate:
    """A certificate that an authority vouches for, of one of `names`, from `since` to `until`."""

    key: RSAPublicKey
    names: AbstractSet[str]
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why there is none at the address. `away`: nobody could be asked."""

    reason: str
    until: datetime
    away: bool = False

    def error(self) -> BadSignature | NotSent:
        return NotSent(self.reason) if self.away else BadSignature(self.reason)


class Certificates:
    """Certificates by their address, each fetched once for as long as it is valid.

    `origins` are the schemes, hosts and ports that are fetched from. `authorities` gives who is trusted to vouch for them, and
    is asked anew for each certificate; it raises `OSError`.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,  # noqa: TID251 - made elsewhere
        *,
        origins: Collection[str],
        authorities: Callable[[], Sequence[x509.Certificate]],
    ) -> None:
        self._http = http
        self._origins = origins
        self._authorities = authorities
        self._kept = OrderedDict[str, SigningCertificate]()
        self._refused = OrderedDict[str, _Refusal]()  # apart, so that a flood of addresses pushes out no certificate
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._under_way = 0

    async def find(self, url: str, mode: Mode) -> RSAPublicKey:
        """The key of the certificate at `url`, if it is one by which PayPal signs webhooks of that mode.

        Raises `BadSignature` if it is not, or is not to be fetched from there, and `NotSent` while that cannot be found out.
        """
        if not is_listed(url, self._origins):
            raise BadSignature("the certificate is at an address that is not listed")
        found = self._known(url)
        if found is None:
            async with self._turns.setdefault(url, asyncio.Lock()):
                found = self._known(url) or self._keep(url, await self._fetch(url))
        if isinstance(found, _Refusal):
            raise found.error()
        if not found.names & set(NAMES[mode]):
            raise BadSignature("the certificate is not of this mode")
        return found.key

    def _known(self, url: str) -> SigningCertificate | _Refusal | None:
        """One that has ended since is not known: there may be another at its address by now."""
        now, kept = clock.now(), self._kept.get(url)
        if kept is not None and kept.since <= now < kept.until:
            self._kept.move_to_end(url)
            return kept
        refused = self._refused.get(url)
        return refused if refused is not None and now < refused.until else None

    def _keep(self, url: str, found: SigningCertificate | _Refusal) -> SigningCertificate | _Refusal:
        if isinstance(found, _Refusal):
            _put(self._refused, url, found, most=_MOST_REFUSED)
        else:
            _put(self._kept, url, found, most=_MOST_KEPT)
        return found

    async def _fetch(self, url: str) -> SigningCertificate | _Refusal:
        if self._under_way >= _AT_ONCE:
            raise NotSent("too many certificates are being fetched", retry_after_seconds=1)
        self._under_way += 1
        try:
            response, body = await exchange(
                self._http,
                self._http.build_request("GET", url),
                provider="PayPal's certificates",
                timeout_seconds=FETCH_SECONDS,
                max_bytes=_MAX_BYTES,
            )
        except (NotSent, Silence) as error:
            return _away(str(error))
        except ResponseTooLong:
            return _bad("too long to be a certificate")
        finally:
            self._under_way -= 1
        return self._judged(response.status_code, body)

    def _judged(self, status: int, body: bytes) -> SigningCertificate | _Refusal:
        if status in _GONE:
            return _bad("there is no certificate")
        if status != HTTPStatus.OK:
            return _away(f"http {status}")
        try:
            chain = x509.load_pem_x509_certificates(body)
        except ValueError:
            return _bad("not a certificate")
        try:
            return judged(chain, self._authorities(), clock.now())
        except OSError as error:
            log.error("no certificate authorities", error=type(error).__name__)
            return _away("no certificate authorities")
        except VerificationError:
            log.error("certificate not trusted", subject=chain[0].subject.rfc4514_string())
            return _bad("no authority vouches for the certificate")


def is_listed(url: str, origins: Collection[str]) -> bool:
    """Whether it is a plain address at one of these origins, written as they are."""
    if len(url) > _MAX_URL_CHARS or not url.isascii() or not url.isprintable() or set(url) & set(" \\?#@"):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return f"{parts.scheme}://{parts.netloc}" in origins and url.startswith(f"{parts.scheme}://{parts.netloc}/")


def judged(
    chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate], now: datetime
) -> SigningCertificate | _Refusal:
    """The first certificate of the chain, for all names that it is of. Raises `VerificationError` if it is of none."""
    leaf, *between = chain
    key = leaf.public_key()
    if len(chain) > _MAX_CHAIN or not isinstance(key, RSAPublicKey):
        return _bad("not a certificate of PayPal's kind")
    if not authorities:
        return _away("no certificate authorities")
    policy = PolicyBuilder().store(Store(list(authorities))).time(now)
    names: set[str] = set()
    paths: list[Sequence[x509.Certificate]] = []
    refused = VerificationError("of no name")
    for name in (_LIVE, _TEST):
        try:
            paths.append(policy.build_server_verifier(x509.DNSName(name)).verify(leaf, between))
            names.add(name)
        except VerificationError as error:
            refused = error
    if not names:
        raise refused
    path = paths[0]
    since = max(one.not_valid_before_utc for one in path)
    return SigningCertificate(key, names, since, min(one.not_valid_after_utc for one in path))


def _put[F](kept: OrderedDict[str, F], url: str, found: F, *, most: int) -> None:
    kept[url] = found
    kept.move_to_end(url)
    if len(kept) > most:
        kept.popitem(last=False)


def _bad(reason: str) -> _Refusal:
    return _Refusal(reason, clock.now() + _REFUSED_FOR)


def _away(reason: str) -> _Refusal:
    return _Refusal(f"PayPal's certificate cannot be had: {reason}", clock.now() + _AWAY_FOR, away=True)
