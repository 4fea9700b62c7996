"""The bank's certificates: its own, and those that it gives to partners. Its authority is made at start."""

import ssl

from malipo_simulators.bank.jws import Algorithm, new_key
from malipo_simulators.bank.signing import key_id_of
from malipo_simulators.kit.tls.authority import YEAR_SECONDS, Authority, Identity
from malipo_simulators.kit.tls.listening import server_context

NAMES = "localhost,127.0.0.1"
"""What the bank's own certificate is for, unless told otherwise."""
# More than any process issues in a test.
MOST_REVOKED = 10_000


class Certificates:
    """Outlives a reset of the world, as whoever trusts the authority does."""

    def __init__(self) -> None:
        self._authority = Authority("Partner bank simulator")
        self.revoked: set[str] = set()
        """Ids of keys."""

    @property
    def authority_pem(self) -> bytes:
        """What a client has to trust."""
        return self._authority.pem

    def context(self, names: str = NAMES) -> ssl.SSLContext:
        """Of the port with TLS: for these host names and addresses, and for whoever has one of our certificates or none."""
        return server_context(self._authority.issue_server(names.split(",")), self._authority)

    def issue(
        self, partner: str, *, algorithm: Algorithm = Algorithm.ES256, valid_seconds: int = YEAR_SECONDS
    ) -> Identity:
        """A new key each time; those before stay good. A negative `valid_seconds`: it has expired already."""
        return self._authority.issue_client(partner, new_key(algorithm), valid_seconds=valid_seconds)

    def revoke(self, key_id: str) -> None:
        """Its requests are refused from now on. Raise OverflowError at the limit."""
        if len(self.revoked) >= MOST_REVOKED:
            raise OverflowError(MOST_REVOKED)
        self.revoked.add(key_id)


def described(identity: Identity) -> dict[str, object]:
    """What a partner is given, and never again."""
    return {
        "key_id": key_id_of(identity.certificate),
        "certificate": identity.pem.decode(),
        "private_key": identity.key_pem.decode(),
        "not_after": identity.certificate.not_valid_after_utc.isoformat().replace("+00:00", "Z"),
    }
