"""The only place that makes identifiers and other randomness."""

import hashlib
import secrets
import time
from datetime import UTC, datetime, timedelta

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32: no i, l, o, u
_LENGTH = 26  # 128 bits in groups of five
_SHIFTS = range(125, -1, -5)
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_PAIR_SHIFTS = range(120, -1, -10)  # two characters at once: each message has an id
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_RANDOM_BITS = 80  # below the milliseconds: version, variant and randomness


def new(prefix: str, at: datetime | None = None) -> str:
    """A new id such as `pay_01jd5c...`: prefix, underscore, UUIDv7 (RFC 9562) in 26 characters.

    `at` is the moment it tells, where that is shown or sorted by: PostgreSQL's, for this process's clock may be wrong.
    Ids sort by creation time (milliseconds), so a B-tree grows at its right edge and a list by id is a list by age.
    """
    milliseconds = time.time_ns() // 1_000_000 if at is None else (at - _EPOCH) // _MILLISECOND
    return f"{prefix}_{_encode(_uuid7(milliseconds, secrets.randbits(_RANDOM_BITS)))}"


def derived(prefix: str, at: datetime, name: str) -> str:
    """The id of what somebody else named: the same for the same moment (to the millisecond) and name, on every machine.

    It has the shape and the order of the ids that `new` makes.
    """
    digest = int.from_bytes(hashlib.sha256(f"{prefix}/{name}".encode()).digest()[: _RANDOM_BITS // 8])
    return f"{prefix}_{_encode(_uuid7((at - _EPOCH) // _MILLISECOND, digest))}"


def is_id(value: str, prefix: str) -> bool:
    """Whether `value` has the shape that `new(prefix)` makes."""
    head, _, body = value.partition("_")
    return head == prefix and len(body) == _LENGTH and set(body) <= set(_ALPHABET)


def made_at(value: str) -> datetime:
    """The moment at which `new` made this id, to the millisecond, in UTC. Raises `ValueError` for any other text."""
    _, _, body = value.partition("_")
    if len(body) != _LENGTH:
        msg = f"not an id: {value!r}"
        raise ValueError(msg)
    milliseconds = (
        sum(_ALPHABET.index(character) << shift for character, shift in zip(body, _SHIFTS, strict=True)) >> _RANDOM_BITS
    )
    return _EPOCH + milliseconds * _MILLISECOND


def first_at(prefix: str, moment: datetime) -> str:
    """The lowest id that `new` could have made at `moment` (UTC) or later."""
    return f"{prefix}_{_encode(max(0, -((_EPOCH - moment) // _MILLISECOND)) << _RANDOM_BITS)}"


def last_at(prefix: str, moment: datetime) -> str:
    """The highest id that `new` could have made at `moment` (UTC) or earlier."""
    milliseconds = max(0, (moment - _EPOCH) // _MILLISECOND)
    return f"{prefix}_{_encode((milliseconds + 1 << _RANDOM_BITS) - 1)}"


def token(bytes_: int = 32) -> str:
    """An unguessable lower-case token, two characters a byte."""
    return secrets.token_hex(bytes_)


def random_bytes(count: int) -> bytes:
    """`count` bytes fit for keys and nonces."""
    return secrets.token_bytes(count)


def jitter(spread: float) -> float:
    """A factor between `1 - spread` and `1 + spread`, to keep retries of many apart."""
    return 1 + spread * (2 * secrets.randbelow(1_000_001) / 1_000_000 - 1)


def _uuid7(milliseconds: int, random: int) -> int:
    version_and_variant = (0xF << 76) | (0b11 << 62)
    return (milliseconds << _RANDOM_BITS) | (random & ~version_and_variant) | (0x7 << 76) | (0b10 << 62)


def _encode(number: int) -> str:
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in _PAIR_SHIFTS])
