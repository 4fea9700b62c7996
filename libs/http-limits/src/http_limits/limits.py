"""What one connection, one address and all of them together may use of a service's HTTP ports."""

from dataclasses import dataclass

from http_limits.remote import Networks

STOPPING = "stopping"
"""The name in each request's `state` that is true once the process has been told to stop."""


@dataclass(frozen=True)
class Limits:
    """Limits beneath the application, which has its own for bodies and for how long a request may take."""

    head_bytes: int = 16 * 1024
    """Of a request's line and headers together; as many again for a body's trailers, or between two of its bytes."""
    head_fields: int = 100
    """Header lines of a request, and as many trailers."""
    head_seconds: int = 10
    """From a request's first byte to the end of its headers; as long for the rest of a body that is not read."""
    idle_seconds: int = 75
    """From a response to the next request of the same connection."""
    connections: int = 4000
    connections_per_address: int = 250
    trusted_proxies: Networks = ()
    """Proxies that may name the client in `X-Forwarded-For`, and hold more connections than one address may."""


ADMIN = Limits(connections=100, connections_per_address=50)
"""Of the admin port, which a few probes and Prometheus call: one of them that hangs leaves room for the others."""
