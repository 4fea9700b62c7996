"""Which URLs and addresses a client may have the system call: only what the whole Internet can reach. Pure.

IPv4 is refused by IANA's IPv4 Special-Purpose Address Registry and its multicast and reserved space; IPv6 is let through
in 2000::/3 alone, the space that IANA hands out (RFC 4291), less what the IPv6 Special-Purpose Address Registry holds of
it (read as last updated on 2024-10-22; RFC 6890, 8190). Of 2001::/23 nothing is let through: its parts that are globally
reachable (anycast of protocols, AMT, AS112, ORCHIDv2, drone ids) have no web servers. Added to the registries are the
addresses of clouds' metadata services.

The table is written out because `is_global` and the like let through wrapped addresses (NAT64, 6to4), shared space
(100.64.0.0/10) and whatever has been registered since.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import Literal

from yarl import URL

type Code = Literal["url_invalid", "url_not_https", "url_not_public"]

_LOOPBACK = tuple(map(ip_network, ("127.0.0.0/8", "::1/128")))
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_METADATA = "cloud metadata"
# The narrower network stands before the one that holds it.
_REFUSED: dict[IPv4Network | IPv6Network, str] = {
    ip_network(network): rule
    for network, rule in (
        ("169.254.169.254/32", _METADATA),  # AWS, Azure, Google Cloud, Oracle, DigitalOcean and most others
        ("169.254.170.2/32", _METADATA),  # AWS, tasks' credentials
        ("100.100.100.200/32", _METADATA),  # Alibaba
        ("168.63.129.16/32", _METADATA),  # Azure's wire server: a public address
        ("192.0.0.192/32", _METADATA),  # Oracle, classic
        ("fd00:ec2::254/128", _METADATA),  # AWS
        ("fd20:ce::254/128", _METADATA),  # Google Cloud
        ("0.0.0.0/8", "this network (RFC 791)"),
        ("10.0.0.0/8", "private use (RFC 1918)"),
        ("100.64.0.0/10", "shared address space (RFC 6598)"),
        ("127.0.0.0/8", "loopback (RFC 1122)"),
        ("169.254.0.0/16", "link-local (RFC 3927)"),
        ("172.16.0.0/12", "private use (RFC 1918)"),
        ("192.0.0.0/24", "protocol assignments (RFC 6890)"),
        ("192.0.2.0/24", "documentation (RFC 5737)"),
        ("192.88.99.0/24", "6to4 relays (RFC 7526)"),
        ("192.168.0.0/16", "private use (RFC 1918)"),
        ("198.18.0.0/15", "benchmarks (RFC 2544)"),
        ("198.51.100.0/24", "documentation (RFC 5737)"),
        ("203.0.113.0/24", "documentation (RFC 5737)"),
        ("224.0.0.0/4", "multicast (RFC 5771)"),
        ("240.0.0.0/4", "reserved (RFC 1112)"),
        ("::1/128", "loopback (RFC 4291)"),
        ("::ffff:0:0:0/96", "IPv4-translated (RFC 2765)"),
        ("64:ff9b::/96", "NAT64, which wraps IPv4 (RFC 6052)"),
        ("64:ff9b:1::/48", "NAT64 of a local network (RFC 8215)"),
        ("fc00::/7", "unique local (RFC 4193)"),
        ("fe80::/10", "link-local (RFC 4291)"),
        ("ff00::/8", "multicast (RFC 4291)"),
        ("2001::/32", "Teredo, which wraps IPv4 (RFC 4380)"),
        ("2001:2::/48", "benchmarks (RFC 5180)"),
        ("2001:10::/28", "ORCHID (RFC 4843)"),
        ("2001:20::/28", "ORCHID (RFC 7343)"),
        ("2001::/23", "protocol assignments (RFC 2928)"),
        ("2001:db8::/32", "documentation (RFC 3849)"),
        ("2002::/16", "6to4, which wraps IPv4 (RFC 3056)"),
        ("3fff::/20", "documentation (RFC 9637)"),
    )
}
# Names that no name server of the Internet answers: RFC 6761, 6762, 7686, 8375, 9476, and ICANN's resolution of
# 2024-07-29 on "internal". `example` is not among them: documentation uses it.
_INSIDE = ("localhost", "local", "internal", "home.arpa", "onion", "alt", "invalid", "test")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII)
_MAX_NAME_CHARS = 253


class AddressRefused(OSError):
    """Nothing is sent there. The text is fit for the merchant: it names a rule, and no address that a resolver returned.

    `code` names the kind of problem, as the gateway's problems do.
    """

    def __init__(self, text: str, code: Code = "url_not_public") -> None:
        super().__init__(text)
        self.code: Code = code


def check_address(text: str, *, allow_loopback: bool) -> None:
    """Refuse an address that is not globally reachable, or no plain address at all. Raises `AddressRefused`.

    An IPv4-mapped IPv6 address is the IPv4 address in it: the system connects to that.
    """
    address = _parse(text)
    if allow_loopback and any(address in network for network in _LOOPBACK):
        return
    rule = _rule_against(address)
    if rule is not None:
        msg = f"the address is not a public one: {rule}"
        raise AddressRefused(msg)


def reachable() -> Mapping[str, Sequence[str]]:
    """The networks in which everything is that may be called, each with those in it that may not: for a firewall's rules."""
    four = [network for network in _REFUSED if isinstance(network, IPv4Network)]
    six = [network for network in _REFUSED if isinstance(network, IPv6Network)]
    return {
        "0.0.0.0/0": list(map(str, collapse_addresses(four))),
        str(_GLOBAL_UNICAST): [str(one) for one in collapse_addresses(six) if one.subnet_of(_GLOBAL_UNICAST)],
    }


def host_names(text: str) -> frozenset[str]:
    """Names as a setting lists them, `merchant, shop.lan`, in lower case. Raises `ValueError` for what is no name, as an address."""
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        labels = name.split(".")
        if _NUMBER.fullmatch(labels[-1]) or not all(map(_LABEL.fullmatch, labels)):
            msg = f"{name!r} is no host name"
            raise ValueError(msg)
    return frozenset(names)


def check_url(url: str, *, allow_loopback: bool, allow_hosts: Collection[str] = ()) -> None:
    """Refuse a URL that can never be called: not https on port 443, or its host no public address or name.

    With `allow_loopback` this machine may be meant, and each of `allow_hosts`, by any port and over plain http. Other
    names pass: their addresses are checked when they are looked up. The URL is parsed by the library that will call it,
    so that there is no second reading to disagree with. Raises `AddressRefused`.
    """
    try:
        target = URL(url)
        host, authority, way = target.raw_host, target.raw_authority, (target.scheme, target.port)
    except ValueError:
        host, authority, way = None, "", ("", None)
    if not host or "@" in authority or way[0] not in ("https", "http"):
        msg = "the URL cannot be used"
        raise AddressRefused(msg, "url_invalid")
    if host in allow_hosts:
        return
    if not allow_loopback and way != ("https", 443):
        msg = "the URL must be https on port 443"
        raise AddressRefused(msg, "url_not_https")
    _check_host(host, allow_loopback=allow_loopback)


def _check_host(host: str, *, allow_loopback: bool) -> None:
    labels = host.split(".")
    if ":" in host or _NUMBER.fullmatch(labels[-1]):  # an address, or what some systems take for one: 127.1, 0x7f000001
        check_address(host, allow_loopback=allow_loopback)
    elif len(host) > _MAX_NAME_CHARS or not all(map(_LABEL.fullmatch, labels)):
        msg = "the host is no name: labels have letters, digits and hyphens, and none is empty, nor the last"
        raise AddressRefused(msg, "url_invalid")
    elif not (allow_loopback and host == "localhost"):
        _check_name(host, single=len(labels) == 1)


def _check_name(host: str, *, single: bool) -> None:
    for suffix in _INSIDE:
        if host == suffix or host.endswith(f".{suffix}"):
            msg = f"the name is not a public one: names under {suffix} lead nowhere on the Internet"
            raise AddressRefused(msg)
    if single:
        msg = "the name is not a public one: it has no dot"
        raise AddressRefused(msg)


def _rule_against(address: IPv4Address | IPv6Address) -> str | None:
    for network, rule in _REFUSED.items():
        if address in network:
            return rule
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return "outside of 2000::/3, IPv6's global unicast (RFC 4291)"
    return None


def _parse(text: str) -> IPv4Address | IPv6Address:
    try:
        address = ip_address(text)
    except ValueError:
        msg = "the address cannot be read: write it as 192.0.2.1 or 2001:db8::1, or use a name"
        raise AddressRefused(msg, "url_invalid") from None
    if isinstance(address, IPv4Address):
        return address
    if address.scope_id is not None:
        msg = "the address is not a public one: it has a scope"
        raise AddressRefused(msg)
    return address.ipv4_mapped or address
