"""The URL of a PostgreSQL database, checked before it is used: what is in it, and whether what goes there is encrypted.

asyncpg reads it, for services, migrations and commands alike. It takes a word that it does not know for a setting of the server,
so that a misspelt `sslmode` would connect in plain text, and finds what it cannot use, as a file of certificates that is missing,
only when it connects.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

from malipo.platform.store_url import StoreUrl, check_files, check_place, is_port, parse

CONNECT_SECONDS = 10
"""How long a connection is waited for before the next try."""

_OF_TLS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation")
_PROTOCOLS = ("ssl_min_protocol_version", "ssl_max_protocol_version")
_OF_THE_SERVER = ("application_name", "options")
_OTHERS = ("host", "port", "user", "password", "dbname", "database", "target_session_attrs")
_OF_LIBPQ = ("channel_binding", "connect_timeout")  # asyncpg does not know them
WORDS = (*_OF_TLS, *_PROTOCOLS, *_OF_THE_SERVER, *_OTHERS, *_OF_LIBPQ)
"""What may stand behind the question mark."""
MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""Of `sslmode`, as PostgreSQL's own clients have them. Up to `prefer` it may come to plain text."""
_ENCRYPTED = MODES[3:]
_VERIFIED = MODES[4:]
_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_VALUES = {
    "sslmode": MODES,
    "sslnegotiation": ("postgres", "direct"),
    "ssl_min_protocol_version": _VERSIONS,
    "ssl_max_protocol_version": _VERSIONS,
    "target_session_attrs": ("any", "primary", "standby", "read-write", "read-only", "prefer-standby"),
    "channel_binding": ("disable", "prefer", "require"),
}
_SYSTEM = "system"  # libpq's word for all that the system trusts


def checked(url: str) -> str:
    """The URL as asyncpg is to have it: what PostgreSQL's own clients call otherwise is translated.

    Raises `ValueError` that says what is wrong with the URL, and nothing of what is in it.
    """
    given = _parsed(url)
    _check_values(given.words)
    words = _translated(given.words)
    _check_tls(words)
    _check_places(given)
    return url if words == given.words else f"{url.partition('?')[0]}?{urlencode(words, safe='/', quote_via=quote)}"


def is_encrypted(url: str) -> bool:
    """Whether a connection by this URL is by TLS or never leaves the machine, for it is to a socket that is a file."""
    parsed = _parsed(url)
    hosts = parsed.hosts or parsed.words.get("host", "")
    return parsed.words.get("sslmode") in _ENCRYPTED or all(host.startswith("/") for host in hosts.split(","))


def place(url: str) -> str:
    """Where the server is, for messages; several of them with commas."""
    parsed = _parsed(url)
    port = parsed.words.get("port", "5432")
    hosts = parsed.hosts or parsed.words.get("host", "localhost")
    return ",".join(host if ":" in host.rpartition("]")[2] else f"{host}:{port}" for host in hosts.split(","))


def _parsed(url: str) -> StoreUrl:
    like = "postgresql://user:password@host/database"
    return parse(url, like=like, schemes=("postgresql", "postgres"), words=WORDS)


def _check_values(words: Mapping[str, str]) -> None:
    for word, possible in _VALUES.items():
        if word in words and words[word] not in possible:
            msg = f"{word} must be one of {', '.join(possible)}"
            raise ValueError(msg)
    if words.get("channel_binding") == "require":
        msg = (
            "channel_binding=require cannot be kept: leave it out, and have sslmode=verify-full prove who the server is"
        )
        raise ValueError(msg)
    seconds = words.get("connect_timeout", str(CONNECT_SECONDS))
    if not seconds.isdecimal() or int(seconds) < CONNECT_SECONDS:
        msg = f"connect_timeout must be {CONNECT_SECONDS} or more: that many seconds are waited before the next try"
        raise ValueError(msg)


def _translated(words: Mapping[str, str]) -> Mapping[str, str]:
    known = {word: value for word, value in words.items() if word not in _OF_LIBPQ}
    if known.get("sslrootcert") != _SYSTEM:
        return known
    if known.get("sslmode", "verify-full") != "verify-full":
        msg = "sslrootcert=system needs sslmode=verify-full: a certificate of any name is easily had"
        raise ValueError(msg)
    return {"sslmode": "verify-full"} | known | {"sslrootcert": _trusted_by_the_system()}


def _trusted_by_the_system() -> str:
    """The file with all authorities that OpenSSL trusts here: asyncpg takes no folder."""
    known = ssl.get_default_verify_paths()
    files = [Path(known.cafile or known.openssl_cafile), Path(known.openssl_capath, "ca-certificates.crt")]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        msg = "sslrootcert=system needs a file (PEM) of all authorities, which this system has not; name one instead"
        raise ValueError(msg)
    return str(found)


def _check_tls(words: Mapping[str, str]) -> None:
    mode = words.get("sslmode", "prefer")
    if mode in _VERIFIED and "sslrootcert" not in words:
        msg = f"sslmode={mode} needs sslrootcert, a file (PEM) with who may vouch for the server, or `{_SYSTEM}` with verify-full"
        raise ValueError(msg)
    if words.get("sslnegotiation") == "direct" and mode not in _ENCRYPTED:
        msg = f"sslnegotiation=direct needs sslmode to be one of {', '.join(_ENCRYPTED)}"
        raise ValueError(msg)
    least, most = words.get("ssl_min_protocol_version", "TLSv1.2"), words.get("ssl_max_protocol_version", "TLSv1.3")
    if least > most:
        msg = "ssl_max_protocol_version must not be below ssl_min_protocol_version, which is TLSv1.2 unless set"
        raise ValueError(msg)
    check_files(words.get("sslrootcert"), words.get("sslcert"), words.get("sslkey"))


def _check_places(url: StoreUrl) -> None:
    ports = url.words["port"].split(",") if "port" in url.words else []
    if url.hosts and (ports or "host" in url.words):
        msg = "has hosts before its question mark, so that `host` and `port` behind it would have no effect"
        raise ValueError(msg)
    hosts = (url.hosts or url.words.get("host", "")).split(",")
    for host in hosts:
        if not host.startswith("/"):
            check_place(host)
    if not all(map(is_port, ports)) or len(ports) not in (0, 1, len(hosts)) or (len(hosts) > 1 and "" in hosts):
        msg = "must have one port for all of its hosts, or one for each, and no host that is empty"
        raise ValueError(msg)
