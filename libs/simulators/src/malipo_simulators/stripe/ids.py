"""Ids and chances, all derived from one seed so that a run can be repeated."""

import hashlib
from dataclasses import dataclass, field

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MILLION = 1_000_000


def letters(digest: bytes, length: int) -> str:
    number = int.from_bytes(digest, "big")
    out: list[str] = []
    for _ in range(length):
        number, remainder = divmod(number, len(ALPHABET))
        out.append(ALPHABET[remainder])
    return "".join(out)


@dataclass(slots=True)
class Ids:
    """Mints ids shaped like Stripe's. The counter survives a reset, so an id is never given twice by one process."""

    seed: str
    count: int = field(default=0)

    def mint(self, prefix: str, length: int = 24) -> str:
        self.count += 1
        digest = hashlib.sha256(f"{self.seed}/{prefix}/{self.count}".encode()).digest()
        return f"{prefix}_{letters(digest, length)}"

    def chance(self, what: str, draw: int) -> int:
        """A number from 0 to 999999 that depends on the seed, on what is drawn for, and on the how-manyth draw it is."""
        digest = hashlib.sha256(f"{self.seed}/chance/{what}/{draw}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % MILLION


def account_id(api_key: str) -> str:
    """The account behind a key: the same key always means the same account, and the key cannot be read back."""
    return f"acct_{letters(hashlib.sha256(api_key.encode()).digest(), 16)}"
