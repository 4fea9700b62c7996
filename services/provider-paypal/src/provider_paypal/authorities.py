"""The certificate authorities that vouch for PayPal's certificates: those of a file, or those of this system."""

import re
import ssl
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

_PEM = re.compile(b"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def authorities(path: Path | None) -> Sequence[x509.Certificate]:
    """Those in the file, as PEM; without a file, those that this system trusts. Raises `OSError`."""
    return [one for content in _contents(path) for one in _certificates(content)]


def _contents(path: Path | None) -> Iterator[bytes]:
    if path is not None:
        yield path.read_bytes()
        return
    system = ssl.get_default_verify_paths()
    if system.cafile:
        yield Path(system.cafile).read_bytes()
    elif system.capath:  # a file for each, found by the hash of its name
        yield from (one.read_bytes() for one in sorted(Path(system.capath).glob("*.[0-9]")))


def _certificates(content: bytes) -> Iterator[x509.Certificate]:
    """Those that can be read: an authority of another age, with a number that is none, is nobody's who signs today."""
    for pem in _PEM.findall(content):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", CryptographyDeprecationWarning)
                yield x509.load_pem_x509_certificate(pem)
        except (ValueError, CryptographyDeprecationWarning):
            continue
