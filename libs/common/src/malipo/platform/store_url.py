"""URLs of stores, taken apart without a doubt: what a client would read in another way than it was meant is refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlparse

from malipo.platform.tls import TlsFiles


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

    Raises `ValueError` that says what is wrong with the URL, and nothing of what is in it.
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


def check_files(authorities: str | None, certificate: str | None, key: str | None) -> None:
    """Raises `ValueError` for files that do not hold what TLS needs of them. A certificate's file may hold its key, too."""
    paths = (None if file is None else Path(file) for file in (authorities, certificate, key or certificate))
    TlsFiles(*paths).context()


def _words(query: str, known: Sequence[str]) -> Mapping[str, str]:
    try:
        found = parse_qs(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        found = {"": [""]}
    if not set(found) <= set(known) or any(len(values) > 1 for values in found.values()):
        msg = f"has a word behind its question mark that is not understood, or twice; understood are {', '.join(known)}"
        raise ValueError(msg)
    return {word: values[0] for word, values in found.items()}
