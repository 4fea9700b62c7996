"""The other end of a connection: the client's address behind trusted proxies, and the network that it is of."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

type Address = IPv4Address | IPv6Address
type Networks = tuple[IPv4Network | IPv6Network, ...]

_MOST_PROXIES = 20
# Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
_FORWARDED = re.compile(
    r"\s*(?:\[(?P<six>[0-9a-fA-F:.]{2,45})\]|(?P<four>[0-9.]{7,15})|(?P<bare>[0-9a-fA-F:.]{2,45}))(?::\d{1,5})?\s*"
)


def networks(text: str) -> Networks:
    """Reads `10.0.0.0/8, fd00::/8`; a single address is a network, too. Raises `ValueError` that names the bad one."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def client_of(peer: str, forwarded: Iterable[str], trusted: Networks) -> str:
    """The client's address, when `peer` connected to us and sent `forwarded`, its `X-Forwarded-For` lines in order.

    Each proxy adds on the right the address that connected to it, so the client is the right-most one that is no trusted
    proxy; what is further left may be forged. If something else than an address is met, the client is the peer.
    """
    client = _address(peer)
    if client is None or not _is_in(client, trusted):
        return peer
    for entry in reversed(",".join(forwarded).split(",")[-_MOST_PROXIES:]):
        client = _forwarded(entry)
        if client is None:
            return peer
        if not _is_in(client, trusted):
            break
    return str(client)


def belongs(remote: str, networks: Networks) -> bool:
    """Whether the address is of one of these networks; what is no address is of none."""
    address = _address(remote)
    return address is not None and _is_in(address, networks)


def network_of(remote: str) -> str:
    """The subscriber's network: of IPv6 the first 64 bits, for one subscriber has all of the rest."""
    address = _address(remote)
    if address is None:
        return remote
    return str(address) if address.version == 4 else str(ip_network((address, 64), strict=False))


def _forwarded(text: str) -> Address | None:
    match = _FORWARDED.fullmatch(text)
    return _address(match["six"] or match["four"] or match["bare"]) if match else None


def _address(text: str) -> Address | None:
    """The address, an IPv4 one that is written as IPv6 as what it is; None for anything else."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped if address.version == 6 else None) or address


def _is_in(address: Address, trusted: Networks) -> bool:
    return any(address in network for network in trusted)
