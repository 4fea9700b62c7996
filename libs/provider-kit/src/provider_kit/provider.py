"""What a payment provider must implement: three verbs, answered with an outcome or with why nothing was sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol

from malipo import clock
from malipo.contracts.outcomes import Declined, Outcome
from malipo.contracts.provider_commands import Cancel, Capture, Charge, OperationKind, Refund
from malipo.money import Money

ProviderOperation = Charge | Capture | Cancel | Refund
"""A command that may have an effect at the provider."""

Credentials = Mapping[str, Any]
"""A merchant's opened credentials at one provider, as the merchant gave them."""

AMOUNT_MISMATCH = "amount_mismatch"
"""The reason of an `Unknown` when the provider speaks of another amount or currency than was ordered."""
ACCOUNT_CHANGED = "account_changed"
"""The reason of an `Unknown` when an order may have been sent to another account, and the one of now shows no trace."""
ERROR_STORED = "error_stored"
"""The reason of an `Unknown` when the provider answers an order for good with an error of its own, and shows no trace."""


@dataclass(frozen=True, slots=True)
class Ages:
    """How old an attempt was by the database's clock, at the moment `read_at` of `clock.since_boot`.

    `key_age` is how long ago a try may first have reached the provider. `expires_in` is for how long the order was good;
    None for one that is owed, and never expires.
    """

    key_age: timedelta = timedelta()
    expires_in: timedelta | None = None
    read_at: float = field(default_factory=clock.since_boot)

    def key_age_now(self) -> timedelta:
        """How old the key is at most: of a first try, which may lie still on its way out, as old as the attempt here."""
        return self.key_age + self._since_read()

    @property
    def expired(self) -> bool:
        """Whether nothing that could take money may be sent any more, as of now."""
        return self.expires_in is not None and self._since_read() >= self.expires_in

    def ended(self) -> "Ages":
        """The same of an order that the database has called expired since."""
        return replace(self, expires_in=timedelta())

    def _since_read(self) -> timedelta:
        return timedelta(seconds=clock.since_boot() - self.read_at)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One operation on its way to a provider. Committed before anything is sent.

    `key` is the idempotency key of every try. `first_sent_at` is set once a try may have reached the provider.
    `same_account` is False when that try may have gone to another account than `credentials`: nothing may then be sent, and
    what is not found says nothing. `reference` is the provider's id of the object when it is known.
    """

    operation: ProviderOperation
    key: str
    credentials: Credentials = field(repr=False)
    first_sent_at: datetime | None = None
    reference: str | None = None
    same_account: bool = True
    ages: Ages = field(default_factory=Ages)


@dataclass(frozen=True, slots=True)
class Callback:
    """A provider's request to us, exactly as it came. Header names are in lower case."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class CallbackOutcome:
    """What a callback says about one operation of ours, named by the ids that we gave the provider."""

    payment_id: str
    operation_id: str
    kind: OperationKind
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Unmatched:
    """What a callback says about something that nobody ordered here: a dispute, a refund made in the dashboard.

    `references` are the provider's ids of all objects that it is about, by what the provider calls them, such as
    `{"refund": "re_1", "payment_intent": "pi_1"}`: one that an operation of ours has made brings a person. Nothing
    personal, and nothing that a `Word` of the same callback says.
    """

    event_type: str
    references: Mapping[str, str]
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class ParsedCallback:
    """A callback that is genuine: the provider's id of it, and what it says of our operations and of what else."""

    callback_id: str
    outcomes: Sequence[CallbackOutcome] = ()
    unmatched: Sequence[Unmatched] = ()


class Provider(Protocol):
    """One payment provider. Safe to call for many attempts at once.

    `execute` and `query` answer with an `Outcome`; silence and a 5xx are `Unknown` and `silent`, an answer that is not
    understood is `Unknown` only. They raise `NotSent` when the request certainly did not reach the provider, and
    `Misconfigured` when the provider refused our credentials. Nothing else may be raised. Both are safe for an order that
    has expired (`Ages.expired`): they only read, or make its key useless for ever.
    """

    name: ClassVar[str]
    capabilities: ClassVar[frozenset[type[ProviderOperation]]]

    def identity(self, credentials: Credentials) -> str:
        """What stays the same as long as keys are known to mean the same orders. Raises `Misconfigured`.

        It may be a secret: only its SHA-256 is kept, so it must not be guessable then.
        """
        ...

    async def execute(self, attempt: Attempt) -> Outcome:
        """Carry out the order; called again with the same attempt when an earlier try may have been lost."""
        ...

    async def query(self, attempt: Attempt) -> Outcome:
        """What became of the order, on the provider's own word. Never has an effect that was not ordered before."""
        ...

    def parse_callback(self, callback: Callback, credentials: Credentials) -> ParsedCallback:
        """Verify and read a callback. Raises `BadSignature` unless it is genuine and fresh."""
        ...


def kind_of(operation: ProviderOperation) -> OperationKind:
    """The kind of operation that an order is."""
    match operation:
        case Charge():
            return "charge"
        case Capture():
            return "capture"
        case Cancel():
            return "cancel"
        case Refund():
            return "refund"


def refusal(provider: Provider, operation: ProviderOperation) -> Outcome | None:
    """The answer to an order that `provider` does not declare, given before anything is sent."""
    if type(operation) in provider.capabilities:
        return None
    return Declined(code="provider_unsupported", message=f"{provider.name} has no {kind_of(operation)}.")
