"""The URL of Redis, checked before it is used: redis-py would find what it does not understand only when it connects."""

from malipo.platform.store_url import StoreUrl, check_files, check_place, parse

_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_OF_TLS = (*_FILES, "ssl_cert_reqs")
WORDS = (*_OF_TLS, "username", "password", "db", "client_name")
"""What may stand behind the question mark. No word stops the verification of Redis' certificate."""


def check(url: str) -> None:
    """Raises `ValueError` that says what is wrong with the URL, and nothing of what is in it."""
    parsed = _parsed(url)
    if parsed.scheme != "rediss" and any(word in parsed.words for word in _OF_TLS):
        msg = "has words about TLS, and is not rediss://"
        raise ValueError(msg)
    if parsed.words.get("ssl_cert_reqs", "required") != "required":
        msg = "ssl_cert_reqs must be required: Redis' certificate is always verified"
        raise ValueError(msg)
    _check_place(parsed)
    _check_number(parsed)
    check_files(*(parsed.words.get(word) for word in _FILES))


def is_encrypted(url: str) -> bool:
    """Whether a connection by this URL is by TLS or never leaves the machine."""
    return _parsed(url).scheme in ("rediss", "unix")


def _parsed(url: str) -> StoreUrl:
    like = "rediss://user:password@host:6379/0"
    return parse(url, like=like, schemes=("rediss", "redis", "unix"), words=WORDS)


def _check_place(url: StoreUrl) -> None:
    if url.scheme == "unix" and (url.hosts or not url.path.strip("/")):
        msg = "must name a file, as in unix:///run/redis.sock"
        raise ValueError(msg)
    check_place(url.hosts)


def _check_number(url: StoreUrl) -> None:
    number = "" if url.scheme == "unix" else url.path.strip("/")
    if not url.words.get("db", number or "0").isdecimal() or (number and not number.isdecimal()):
        msg = "must end with the number of a database, as in redis://host:6379/0"
        raise ValueError(msg)
