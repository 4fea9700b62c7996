"""Which URLs and addresses a webhook may go to. Pure.

The list is written out: `is_global`, `is_private` and their kin let metadata services through when their address is
wrapped (NAT64, 6to4), and shared address space (100.64.0.0/10) as well.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from yarl import URL

_LOOPBACK = tuple(map(ip_network, ("127.0.0.0/8", "::1/128")))
_BLOCKED = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared address space of carriers and clouds
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local: cloud metadata
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
            "::/96",  # unspecified, loopback, and IPv4-compatible
            "64:ff9b::/96",  # NAT64: wraps IPv4
            "64:ff9b:1::/48",  # NAT64 of a local network
            "100::/64",  # discard
            "2001::/32",  # Teredo: wraps IPv4
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: wraps IPv4
            "3fff::/20",  # documentation
            "5f00::/16",  # segment routing
            "fc00::/7",  # unique local
            "fe80::/10",  # link-local
            "fec0::/10",  # site-local
            "ff00::/8",  # multicast
        ),
    )
)


class AddressRefused(OSError):
    """A webhook must not go there. The text is fit for the merchant: it names no address that a resolver answered."""


def check_address(text: str, *, allow_loopback: bool) -> None:
    """Refuse an address that is not public, or no plain address at all. Raises `AddressRefused`."""
    address = _parse(text)
    if allow_loopback and any(address in network for network in _LOOPBACK):
        return
    if any(address in network for network in _BLOCKED):
        msg = "the address is not a public one"
        raise AddressRefused(msg)


def check_url(url: str, *, allow_loopback: bool) -> None:
    """Refuse a URL that is not https on port 443, or whose host is a blocked address written out.

    A name passes: its addresses are checked when it is looked up. The URL is read by the library that will dial it,
    so that there is no second reading to disagree with. Raises `AddressRefused`.
    """
    try:
        target = URL(url)
        host, user, way = target.raw_host, target.raw_user, (target.scheme, target.port)
    except ValueError:
        host, user, way = None, None, ("", None)
    if not host or user is not None or way[0] not in ("https", "http"):
        msg = "the URL cannot be used"
        raise AddressRefused(msg)
    if not allow_loopback and way != ("https", 443):
        msg = "the URL must be https on port 443"
        raise AddressRefused(msg)
    if _is_literal(host):
        check_address(host, allow_loopback=allow_loopback)


def _is_literal(host: str) -> bool:
    """Whether the client would dial `host` without a look-up. Wider than "is an address": `127.1` counts, and is refused."""
    return ":" in host or host.replace(".", "").isdigit()


def _parse(text: str) -> IPv4Address | IPv6Address:
    try:
        address = ip_address(text)
    except ValueError:
        msg = "the address cannot be read"
        raise AddressRefused(msg) from None
    if isinstance(address, IPv4Address):
        return address
    if address.scope_id is not None:
        msg = "the address is not a public one"
        raise AddressRefused(msg)
    return address.ipv4_mapped or address
