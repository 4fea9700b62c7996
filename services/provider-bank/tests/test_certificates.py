"""Client certificates: each that cannot be used is told with what is wrong, before anything is sent, and without its key."""

import ssl
from datetime import timedelta

import pytest
from bank_certificates import given, pem_of_key
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption

from malipo import clock
from provider_bank.account import Certificate
from provider_bank.certificates import Certificates, read_certificate
from provider_kit.errors import Misconfigured

RSA, P256 = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
DAY = timedelta(days=1)


@pytest.mark.parametrize("key", [RSA, P256])
async def test_a_good_one_is_presented_by_tls(key):
    found = await Certificates().of(given(key))
    context = ssl.create_default_context()
    found.add_to(context)
    assert found.key_id == "kid-1"


def _with_password(key) -> Certificate:
    return Certificate(given(key).certificate, pem_of_key(key, BestAvailableEncryption(b"secret")), "kid-1")


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        (Certificate("no PEM", pem_of_key(P256), "kid-1"), "is none in PEM"),
        (Certificate(given(P256).certificate, "no PEM", "kid-1"), "private key is none in PEM"),
        (Certificate(given(P256).certificate, pem_of_key(RSA), "kid-1"), "not the client certificate's"),
        (_with_password(P256), "has a password"),
        (given(rsa.generate_private_key(65537, 1024)), "2048 bits or more"),
        (given(ec.generate_private_key(ec.SECP384R1())), "curve P-256"),
        (given(ed25519.Ed25519PrivateKey.generate()), "curve P-256"),
        (given(P256, not_after=clock.now() - DAY), r"expired on \d{4}-\d\d-\d\d"),
        (given(P256, not_before=clock.now() + DAY, not_after=clock.now() + 2 * DAY), "not valid before"),
    ],
)
async def test_what_cannot_be_used_is_told_with_the_reason_and_without_the_key(certificate, reason):
    with pytest.raises(Misconfigured, match=reason) as refused:
        await Certificates().of(certificate)
    assert "PRIVATE KEY" not in f"{refused.value!r} {refused.value.__cause__!r}"


async def test_one_that_was_good_a_moment_ago_is_refused_once_it_has_expired():
    certificates, certificate = Certificates(), given(P256, not_after=clock.now() + timedelta(seconds=2))
    found = await certificates.of(certificate)
    with pytest.raises(Misconfigured, match="expired"):
        found.require_valid(clock.now() + timedelta(seconds=3))


def test_nothing_of_the_key_is_shown():
    assert "PRIVATE" not in repr(read_certificate(given(P256)))
