"""The key pair that stands in for Safaricom's: the certificate that clients encrypt with, and reading what they sent.

It was made for this simulator alone and is published on purpose, as the sandbox's passkey is: it protects nothing.
Being always the same, it can be configured once in a client that reads a certificate's file at start. RSA is written out
here so that the simulators need no compiled package for it.
"""

import base64
import binascii
from importlib.resources import files

CERTIFICATE = files(__package__).joinpath("certificate.cer").read_text()
"""X.509 in PEM, as Safaricom's files are."""

_P = int(
    "d7ba3a20da6d9b213c4c37afcb55cf20b9e3d4b7c0176f3081916d1c49a656fc"
    "d8d84dedc2e64f4051dfcb2d079ec54c924c8af995cf05a97ee77a8532c68072"
    "c8ad305f002f08fa156c9faefef6e1d7ba67252f006988c6fbbe9f2293e7352e"
    "6a5b73921d1523b90dfa46ec12b250c61b8a697a26e467b2c56d87cb56a8637b",
    16,
)
_Q = int(
    "d46526a2c2de82cd8607ba1ef4f5baa71b059012fceee5a704ce862f3e85891f"
    "1384be7a2fab71b9026b439981f63c61743275f84b00aca073b24c8a4b4a49a1"
    "b489c374147e6e96669d3ce7879e42a1ee584309c7fccf2d7ee130a84778da7f"
    "ba49f5925bc43ac65fa659d5e40a13defc2f2c4a922816c25dde0bf05863e431",
    16,
)
_N = _P * _Q
_D = pow(65537, -1, (_P - 1) * (_Q - 1))
_BYTES = (_N.bit_length() + 7) // 8


def decrypt(security_credential: str) -> str | None:
    """The password in a `SecurityCredential` (RSA, PKCS #1 v1.5, base64), or None if it was not made with this certificate."""
    try:
        sealed = base64.b64decode(security_credential, validate=True)
    except (binascii.Error, ValueError):
        return None
    number = int.from_bytes(sealed)
    if len(sealed) != _BYTES or number >= _N:
        return None
    return read_padded(pow(number, _D, _N).to_bytes(_BYTES))


def read_padded(block: bytes) -> str | None:
    """What follows the padding of PKCS #1 v1.5: 00 02, eight or more bytes that are not zero, 00."""
    end = block.find(0, 2)
    if block[:2] != b"\x00\x02" or end < 10:
        return None
    try:
        return block[end + 1 :].decode()
    except UnicodeDecodeError:
        return None
