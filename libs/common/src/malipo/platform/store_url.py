"""URLs of stores, taken apart without a doubt: what a client would read in another way than it was meant is refused."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlparse

from malipo.platform.tls import TlsFiles

_PLACE = re.compile(r"(?:\[[^\[\]]+\]|[^\[\]:]*)(?::([0-9]{0,5}))?")
_PLAIN_WORD = re.compile(r"[a-z][a-z_]*")
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """The parts of a URL that say how a store is reached; what is secret in it is not shown."""

    scheme: str
    hosts: str
    """As they stand between user and path, decoded."""
    path: str
    words: Mapping[str, str] = field(repr=False)
    """What stands behind the question mark."""


def parse(url: str, *, like: str, schemes: Sequence[str], words: Sequence[str]) -> StoreUrl:
    """The parts of a URL with one of `schemes` and none but these `words`.

    Raises `ValueError` that says what is wrong with the URL, and nothing of what is in it but the name of a word.
    """
    try:
        found = urlparse(url)
    except ValueError:
        found = urlparse("")
    if found.scheme not in schemes:
        msg = f"must be as {like}"
        raise ValueError(msg)
    if found.netloc.count("@") > 1 or "@" in found.path + found.query or found.fragment:
        msg = "must have users and passwords with each `@`, `/`, `?`, `#`, `:` and `%` in them percent-encoded"
        raise ValueError(msg)
    hosts = unquote(found.netloc.rpartition("@")[2])
    return StoreUrl(found.scheme, hosts, unquote(found.path), _words(found.query, words))


def check_place(place: str) -> None:
    """Raises `ValueError` for what is no `host` or `host:port`; an address of IPv6 is in brackets."""
    found = _PLACE.fullmatch(place)
    if found is None or (found[1] and not is_port(found[1])):
        msg = f"must have each host as host:port or [IPv6]:port, with a port from 1 to {_LAST_PORT}"
        raise ValueError(msg)


def is_port(text: str) -> bool:
    """Whether this is the number of a port."""
    return text.isascii() and text.isdecimal() and len(text) <= len(str(_LAST_PORT)) and 1 <= int(text) <= _LAST_PORT


def check_files(authorities: str | None, certificate: str | None, key: str | None) -> None:
    """Raises `ValueError` for files that do not hold what TLS needs of them. A certificate's file may hold its key, too."""
    paths = (None if file is None else Path(file) for file in (authorities, certificate, key or certificate))
    TlsFiles(*paths).context()


def _words(query: str, known: Sequence[str]) -> Mapping[str, str]:
    try:
        found = parse_qs(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        found = {"": [""]}
    for word, values in found.items():
        if word not in known:
            named = f": {word}" if _PLAIN_WORD.fullmatch(word) else ""  # else it may be part of a password
            msg = (
                f"has a word behind its question mark that is not understood{named}; understood are {', '.join(known)}"
            )
            raise ValueError(msg)
        if len(values) > 1:
            msg = f"has a word behind its question mark twice: {word}"
            raise ValueError(msg)
    return {word: values[0] for word, values in found.items()}
