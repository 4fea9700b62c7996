"""The URL of Redis, checked before it is used: redis-py would find what it does not understand only when it connects."""

from malipo.platform.store_url import StoreUrl, check_files, parse

_OF_TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
WORDS = (*_OF_TLS, "username", "password", "db", "client_name")
"""What may stand behind the question mark. No word stops the verification of Redis' certificate."""


def check(url: str) -> None:
    """Raises `ValueError` that says what is wrong with the URL, and nothing of what is in it."""
    parsed = _parsed(url)
    if parsed.scheme != "rediss" and any(word in parsed.words for word in _OF_TLS):
        msg = "has words about TLS, and is not rediss://"
        raise ValueError(msg)
    if parsed.scheme != "unix" and not parsed.path.strip("/").isdecimal() and parsed.path.strip("/"):
        msg = "must end with the number of a database, as in redis://host:6379/0"
        raise ValueError(msg)
    check_files(*(parsed.words.get(word) for word in _OF_TLS))


def is_encrypted(url: str) -> bool:
    """Whether a connection by this URL is by TLS or never leaves the machine."""
    return _parsed(url).scheme in ("rediss", "unix")


def _parsed(url: str) -> StoreUrl:
    like = "rediss://user:password@host:6379/0"
    return parse(url, like=like, schemes=("rediss", "redis", "unix"), words=WORDS)
