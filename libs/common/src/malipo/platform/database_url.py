"""The URL of a PostgreSQL database, checked before it is used: what is in it, and whether what goes there is encrypted.

asyncpg reads it, for services, migrations and commands alike. It takes a word that it does not know for a setting of the server,
so that a misspelt `sslmode` would connect in plain text, and finds a file of certificates missing only when it connects.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import ParseResult, parse_qs, unquote, urlparse

from malipo.platform.tls import TlsFiles

_FILES = ("sslrootcert", "sslcert", "sslkey")
_OF_TLS = ("sslmode", "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version")
_OF_THE_SERVER = ("application_name", "options")
_OTHERS = ("host", "port", "user", "password", "dbname", "database", "target_session_attrs")
WORDS = (*_OF_TLS, *_FILES, *_OF_THE_SERVER, *_OTHERS)
"""What may stand behind the question mark."""
MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""Of `sslmode`, as PostgreSQL's own clients have them. Up to `prefer` it may come to plain text."""
_ENCRYPTED = MODES[3:]
_VERIFIED = MODES[4:]


def check(url: str) -> None:
    """Raises `ValueError` that says what is wrong with the URL, and nothing of what is in it."""
    parsed = _parsed(url)
    words = _words(parsed)
    mode = words.get("sslmode", "prefer")
    if mode not in MODES:
        msg = f"sslmode must be one of {', '.join(MODES)}"
        raise ValueError(msg)
    if mode in _VERIFIED and "sslrootcert" not in words:
        msg = f"sslmode={mode} needs sslrootcert, a file (PEM) with who may vouch for the server"
        raise ValueError(msg)
    _check_files(words)


def is_encrypted(url: str) -> bool:
    """Whether a connection by this URL is by TLS or never leaves the machine, for it is to a socket that is a file."""
    parsed = _parsed(url)
    words = _words(parsed)
    hosts = unquote(parsed.netloc.rpartition("@")[2]) or words.get("host", "")
    return words.get("sslmode") in _ENCRYPTED or all(host.startswith("/") for host in hosts.split(","))


def _parsed(url: str) -> ParseResult:
    try:
        parsed = urlparse(url)
    except ValueError:
        parsed = urlparse("")
    if parsed.scheme not in ("postgresql", "postgres"):
        msg = "must be as postgresql://user:password@host/database"
        raise ValueError(msg)
    if parsed.netloc.count("@") > 1 or "@" in parsed.path + parsed.query or parsed.fragment:
        msg = "characters other than letters, digits, `-`, `.` and `_` in a user or password must be percent-encoded"
        raise ValueError(msg)
    return parsed


def _words(parsed: ParseResult) -> Mapping[str, str]:
    try:
        found = parse_qs(parsed.query, keep_blank_values=True, strict_parsing=bool(parsed.query))
    except ValueError:
        found = {"": [""]}
    if not set(found) <= set(WORDS) or any(len(values) > 1 for values in found.values()):
        msg = f"has a word behind its question mark that is not understood, or twice; understood are {', '.join(WORDS)}"
        raise ValueError(msg)
    return {word: values[0] for word, values in found.items()}


def _check_files(words: Mapping[str, str]) -> None:
    files = {word: Path(words[word]) for word in _FILES if word in words}
    certificate = files.get("sslcert")
    TlsFiles(files.get("sslrootcert"), certificate, files.get("sslkey", certificate)).context()
