"""The API users of each shortcode: their passwords, what they may do, and whether they are locked out."""

import base64
from dataclasses import dataclass, field
from enum import StrEnum

# The API user of the sandbox, whose password its portal shows to everyone.
NAME, PASSWORD = "testapi", "Safaricom999!*!"
WRONG_PASSWORDS = 5
"""So many one after another lock an API user out. Daraja says "multiple"."""


class Role(StrEnum):
    REVERSAL = "reversal"
    STATUS = "status"
    BALANCE = "balance"
    B2C = "b2c"


@dataclass(slots=True, eq=False)
class Initiator:
    name: str
    password: str
    roles: set[Role] = field(default_factory=lambda: set(Role))
    wrong_passwords: int = 0
    locked: bool = False

    def accepts(self, password: str | None) -> bool:
        """Whether it is the password, plain or in base64: the portal says both. Too many wrong ones lock the user out."""
        if password in (self.password, base64.b64encode(self.password.encode()).decode()):
            self.wrong_passwords = 0
            return True
        self.wrong_passwords += 1
        self.locked = self.wrong_passwords >= WRONG_PASSWORDS
        return False


class Initiators:
    """By shortcode and name. Every shortcode has the sandbox's API user."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Initiator] = {}

    def find(self, shortcode: str, name: str) -> Initiator | None:
        if name == NAME:
            return self._known.setdefault((shortcode, name), Initiator(NAME, PASSWORD))
        return self._known.get((shortcode, name))

    def put(self, shortcode: str, initiator: Initiator) -> None:
        """In place of the one of that name."""
        self._known[shortcode, initiator.name] = initiator
