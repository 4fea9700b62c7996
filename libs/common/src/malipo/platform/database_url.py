"""The URL of a PostgreSQL database, checked before it is used: what is in it, and whether what goes there is encrypted.

asyncpg reads it, for services, migrations and commands alike. It takes a word that it does not know for a setting of the server,
so that a misspelt `sslmode` would connect in plain text, and finds a file of certificates missing only when it connects.
"""

from malipo.platform.store_url import StoreUrl, check_files, parse

_OF_TLS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation")
_VERSIONS = ("ssl_min_protocol_version", "ssl_max_protocol_version")
_OF_THE_SERVER = ("application_name", "options")
_OTHERS = ("host", "port", "user", "password", "dbname", "database", "target_session_attrs")
WORDS = (*_OF_TLS, *_VERSIONS, *_OF_THE_SERVER, *_OTHERS)
"""What may stand behind the question mark."""
MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""Of `sslmode`, as PostgreSQL's own clients have them. Up to `prefer` it may come to plain text."""
_ENCRYPTED = MODES[3:]
_VERIFIED = MODES[4:]


def check(url: str) -> None:
    """Raises `ValueError` that says what is wrong with the URL, and nothing of what is in it."""
    words = _parsed(url).words
    mode = words.get("sslmode", "prefer")
    if mode not in MODES:
        msg = f"sslmode must be one of {', '.join(MODES)}"
        raise ValueError(msg)
    if mode in _VERIFIED and "sslrootcert" not in words:
        msg = f"sslmode={mode} needs sslrootcert, a file (PEM) with who may vouch for the server"
        raise ValueError(msg)
    check_files(words.get("sslrootcert"), words.get("sslcert"), words.get("sslkey"))


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
