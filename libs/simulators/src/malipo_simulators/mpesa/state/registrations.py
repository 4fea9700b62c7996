"""What the owner of a shortcode has registered: the URLs for payments by hand, and the use of Pull Transactions."""

from dataclasses import dataclass, field
from enum import StrEnum


class ResponseType(StrEnum):
    """What becomes of a payment whose validation URL does not answer, as the owner has chosen."""

    COMPLETED = "Completed"
    CANCELLED = "Cancelled"


@dataclass(frozen=True, slots=True)
class C2bUrls:
    """`version` is that of the API that registered them: 1 writes a phone number as its SHA-256, 2 masks it."""

    account: str
    version: int
    default: ResponseType
    confirmation_url: str
    validation_url: str


@dataclass(frozen=True, slots=True)
class PullUse:
    account: str
    nominated_number: str
    callback_url: str


@dataclass(slots=True)
class Registrations:
    """By shortcode. `validating` are those with external validation switched on, which is the owner's to ask for."""

    c2b: dict[str, C2bUrls] = field(default_factory=dict[str, C2bUrls])
    pull: dict[str, PullUse] = field(default_factory=dict[str, PullUse])
    validating: set[str] = field(default_factory=set[str])

    def account_of(self, code: str) -> str:
        """The app that has registered this shortcode: money paid by hand is booked as its. Empty if none has."""
        registered = self.c2b.get(code) or self.pull.get(code)
        return registered.account if registered else ""

    def forget(self, code: str) -> None:
        """As the owner can on the portal, to register anew. Whether payments are validated stays as it was."""
        self.c2b.pop(code, None)
        self.pull.pop(code, None)
