"""Ids and chances, all derived from one seed so that a run can be repeated."""

import hashlib
from dataclasses import dataclass, field

ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MILLION = 1_000_000


def letters(digest: bytes, length: int, alphabet: str = ALPHANUMERIC) -> str:
    """So many letters, decided by the digest alone."""
    number = int.from_bytes(digest, "big")
    out: list[str] = []
    for _ in range(length):
        number, remainder = divmod(number, len(alphabet))
        out.append(alphabet[remainder])
    return "".join(out)


@dataclass(slots=True)
class Ids:
    """Draws what ids are made of. The counter survives a reset, so an id is never given twice by one process."""

    seed: str
    count: int = field(default=0)

    def draw(self, kind: str, length: int, alphabet: str = ALPHANUMERIC) -> str:
        """The letters of a new id of this kind; its shape (prefix, date) is the simulator's own."""
        self.count += 1
        digest = hashlib.sha256(f"{self.seed}/{kind}/{self.count}".encode()).digest()
        return letters(digest, length, alphabet)

    def chance(self, what: str, draw: int) -> int:
        """A number from 0 to 999999, decided by the seed, by what it is drawn for, and by the number of the draw."""
        digest = hashlib.sha256(f"{self.seed}/chance/{what}/{draw}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % MILLION
