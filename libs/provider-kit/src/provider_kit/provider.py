"""What a payment provider must implement: three verbs, which return an outcome or raise why nothing was sent."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from malipo import clock
from malipo.contracts.commands import Mode
from malipo.contracts.descriptor import Method, ProviderDescriptor
from malipo.contracts.outcomes import Declined, OpenedKind, Outcome
from malipo.contracts.provider_commands import (
    Cancel,
    Capture,
    Charge,
    Confirm,
    Detach,
    ProviderOperationKind,
    Refund,
    ReturnRequest,
    Setup,
)
from malipo.money import Money
from provider_kit.disputes import Dispute

ProviderOperation = Charge | Setup | Confirm | Capture | Cancel | Refund | ReturnRequest | Detach | Dispute
"""What may have an effect at the provider: a command, or a dispute, which others have opened there."""

Credentials = Mapping[str, Any]
"""A merchant's decrypted credentials at one provider, as the merchant gave them."""

ACCOUNT_CHANGED = "account_changed"
"""The reason of an `Unknown` when an operation may have been sent to another account, and the present one has no trace."""
NOT_FOUND = "not_found"
"""The reason of an `Unknown` when what was begun at the provider itself is not found there."""
ERROR_STORED = "error_stored"
"""The reason of an `Unknown` when the provider has stored an error of its own as its final response to the operation's
key, and shows no trace."""


@dataclass(frozen=True, slots=True)
class Ages:
    """How old an attempt was by the database's clock, at the moment `read_at` of `clock.since_boot`.

    `key_age` is how long ago a try may first have reached the provider. `expires_in` is how long the operation could
    still be sent; None for one that never expires. `statement_for` is for how long from that try on the account's statement
    is known, whole, and has nothing that names this operation as its purpose and is still to be judged; None otherwise, and
    as long as the statement has named no payment of ours.
    """

    key_age: timedelta = timedelta()
    expires_in: timedelta | None = None
    statement_for: timedelta | None = None
    read_at: float = field(default_factory=clock.since_boot)

    def key_age_now(self) -> timedelta:
        """How old the key is at most: of a first try, which may still be on its way, as old as the attempt here."""
        return self.key_age + self._since_read()

    @property
    def expired(self) -> bool:
        """Whether nothing that could take money may be sent any more, as of now."""
        return self.expires_in is not None and self._since_read() >= self.expires_in

    def ended(self) -> "Ages":
        """The same, of an operation that has expired since by the database's clock."""
        return replace(self, expires_in=timedelta())

    def _since_read(self) -> timedelta:
        return timedelta(seconds=clock.since_boot() - self.read_at)


Named = tuple[str, str]
"""An id as the provider calls it: its role, such as `order`, and the id."""


@dataclass(slots=True)
class References:
    """The ids that a provider gave to what an attempt is or made: several may have one role, and one id several roles.

    `known` are those that were kept before, the earliest first. What is noted is kept when this try ends, whichever way it
    ends, so that callbacks and reports find the attempt by any of them. `claims` are what hints have given as its ids: to be
    asked about, and believed nowhere.
    """

    known: Sequence[Named] = ()
    noted: list[Named] = field(default_factory=list[Named])
    claims: Sequence[Named] = ()

    def note(self, role: str, reference: str) -> None:
        """Keep another id beside the outcome's `reference`, such as `order` beside the capture's."""
        self.noted.append((role, reference))

    def all(self, role: str) -> list[str]:
        """The ids of this role, the latest last."""
        return [reference for name, reference in (*self.known, *self.noted) if name == role]

    def get(self, role: str) -> str | None:
        """The latest id of this role, if one is known by now."""
        return next(reversed(self.all(role)), None)

    def claimed(self, role: str) -> list[str]:
        """What hints have given as ids of this role."""
        return [reference for name, reference in self.claims if name == role]


def _no_address(_request: str) -> str:
    msg = "`own_addresses` of the descriptor is not set"
    raise LookupError(msg)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One operation on its way to a provider. Committed before anything is sent.

    `first_sent_at` is set once a try may have reached the provider. `same_account` is False when that try may have gone to
    another account than that of `credentials`, or when no try of ours has made it, but somebody at the provider: nothing
    may then be sent, and finding nothing proves nothing. `reference`
    is the provider's id of the object when it is known. Callbacks about it come to `callback_path`. `account` names the
    account that `credentials` are of, without a secret: for access tokens and clients. `method` is a charge's
    as the merchant sent it, what is personal included; a query may lack it, when that was erased. `forgotten`: a restored
    database does not know what came of it, nor what the provider called it: nothing may be sent.
    """

    operation: ProviderOperation
    credentials: Credentials = field(repr=False)
    first_sent_at: datetime | None = None
    reference: str | None = None
    same_account: bool = True
    ages: Ages = field(default_factory=Ages)
    references: References = field(default_factory=References)
    callback_path: str = field(default="", repr=False)
    method: Method | None = field(default=None, repr=False)
    account: str = ""
    own_address: Callable[[str], str] = field(default=_no_address, repr=False)
    forgotten: bool = False

    def callback_url(self, request: str) -> str:
        """Where callbacks of one of its requests come to, and of no other: what comes there is about this operation.

        `request` is the provider's own word for it. Nobody can guess the address; a provider sets `own_addresses`.
        It is the same for every try, as long as the key that it was made under first is on the key ring.
        """
        return self.own_address(request)

    def key_for(self, request: str) -> str:
        """The idempotency key of one of the requests that may have an effect: the same for every try, for ever.

        `request` is the provider's own word for it, such as `charge`; each such request of an operation has another.
        """
        return f"malipo-{self.operation.operation_id}-{request}"


@dataclass(frozen=True, slots=True)
class Addressed:
    """The operation and the request, by the provider's word for it, whose own address a callback came to.

    The answer to that request may not be here yet, or never come: then `references` lack what it has. `failed`: the provider has
    said that the operation ended without money, and nothing has told otherwise since.
    """

    operation: ProviderOperation
    request: str
    references: References = field(default_factory=References)
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Callback:
    """A provider's request to us, exactly as it came, and when. Header names are in lower case.

    `about` is set if it came to the own address of one of our requests (`Attempt.callback_url`). `word` is set if it came to
    a further address of the account's: one of the descriptor's `account_words`. `mode` is the account's.
    """

    headers: Mapping[str, str]
    body: bytes
    about: Addressed | None = None
    word: str = ""
    mode: Mode = "test"
    arrived_at: datetime = field(default_factory=clock.now, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedOperation:
    """An operation of ours as a callback names it: by the id that we gave the provider, or by ids of the provider's own.

    `references` are by what the provider calls them, as in `References`. `own` is the name of ours that it bears, where it always
    bears one: no outcome is of an operation that is called otherwise. `perhaps`: it may as well be nothing of ours: then nobody needs to know.
    """

    kind: ProviderOperationKind
    operation_id: str | None = None
    references: Mapping[str, str] = field(default_factory=dict[str, str])
    own: str | None = None
    perhaps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackOutcome(NamedOperation):
    """The outcome that a callback reports of one operation of ours.

    `amount` is what it says that the operation is of, where it always says so. `otherwise` is the money that moved, if it turns
    out to be no operation of ours: it is kept as `received` money is. Where one of them is of another amount than the
    operation, the outcome is not believed, and we ask.
    """

    outcome: Outcome
    amount: Money | None = None
    otherwise: "ReceivedMoney | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A refund that was made at the provider itself, a dispute, a warning of fraud; nothing that is named as an operation of ours.

    `reference` is the provider's id of it, and `opened_at` its time, both the same in every report of it. `about` are the
    provider's ids of what it is about, by what the provider calls them. `own` are names that it has and that anybody may have
    given, as an invoice's number: a refund of ours that has one of them among its `own_references` is this one.
    A warning has neither amount nor outcome.
    """

    event_type: str
    reference: str
    about: Mapping[str, str]
    amount: Money | None = None
    outcome: Outcome | None = None
    opened_at: datetime
    reason: str | None = None
    own: Sequence[str] = ()
    kind: OpenedKind = "refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMoney:
    """Money that came to the account without an operation of ours: by `reference`, the provider's id of the transaction.

    `account_reference` is what the customer gave as the purpose, if anything: without it a person has to find out what the
    money is for. `method` is a payment method's type. `description` is the provider's text. Nothing personal.

    An operation of ours that is known by `reference`, or by one of `references`, explains the money; that its purpose names
    one does not, see `received`. `role` is what the provider calls `reference` where it may report a success without it:
    then a success that lacks an id of that role is explained by the first money of its purpose and amount.
    """

    reference: str
    amount: Money
    method: str
    received_at: datetime
    account_reference: str | None = None
    description: str = ""
    references: Mapping[str, str] = field(default_factory=dict[str, str])
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Unmatched:
    """What a callback reports that matches no operation of ours: a dispute, of a provider that cannot be asked about it.

    `references` are the provider's ids of all objects that it is about, by what the provider calls them, such as
    `{"refund": "re_1", "payment_intent": "pi_1"}`: if an operation of ours made one of them, a person is alerted.
    Nothing personal, and nothing that a `CallbackOutcome` of the same callback reports. `unless_ours`: it is the other way
    round, an operation of ours that made one of them explains it, or money that we have heard of, and else a person is alerted:
    money of which nothing else tells. `waits`: for how long a statement may yet show it, before a person is.
    """

    event_type: str
    references: Mapping[str, str]
    amount: Money | None = None
    unless_ours: bool = False
    waits: timedelta | None = None


@dataclass(frozen=True, slots=True)
class ParsedCallback:
    """A callback that is genuine, or that a hint is to be taken from: the provider's id of it, and what it reports.

    Outcomes are believed of a provider whose callbacks are signed; of another they make us query the operation, which gets
    their ids as claims. `confirmed` are outcomes that answer our own request and came to that request's own address: they
    are believed of every provider, if they are of the address's operation. What came to such an address needs no name.
    `ask` are operations to query in any case. `opened` and `received` are believed: a provider whose callbacks are hints has
    confirmed them first. `reply` is the JSON that the provider waits for. `hastens`: the account's
    statement is looked at soon, if one is read: it may show what this callback says and nobody has signed. `happened_at` is
    when the provider says that it happened.
    """

    callback_id: str
    outcomes: Sequence[CallbackOutcome] = ()
    confirmed: Sequence[CallbackOutcome] = field(default=(), kw_only=True)
    unmatched: Sequence[Unmatched] = ()
    ask: Sequence[NamedOperation] = ()
    opened: Sequence[Opened] = ()
    received: Sequence[ReceivedMoney] = ()
    reply: Mapping[str, object] | None = None
    hastens: bool = field(default=False, kw_only=True)
    happened_at: datetime | None = field(default=None, kw_only=True)


class Provider(Protocol):
    """One payment provider. Safe to call for many attempts at once.

    `execute` and `query` return an `Outcome`; silence and a 5xx are `Unknown` and `silent`, a response that is not
    understood is `Unknown` only. They raise `NotSent` when the request certainly had no effect at the provider, and
    `Misconfigured` when the provider refused our credentials. Nothing else may be raised. Both are safe for an operation
    that has expired (`Ages.expired`): they only read, or make its key useless for ever.

    What is personal in a charge's method is taken out of the texts that they return and raise, and out of recorded paths;
    not out of ids and addresses, which must not hold any.
    """

    @property
    def descriptor(self) -> ProviderDescriptor:
        """What the provider is: the kit treats it by its traits `repeat` and `callbacks`."""
        ...

    def identity(self, credentials: Credentials) -> str:
        """What names the account: the same for as long as an idempotency key is known to name the same operation there.

        It may be a secret: only its SHA-256 is kept (`fingerprint`), so it must not be guessable then. Raises
        `Misconfigured`.
        """
        ...

    async def prepare(self, attempt: Attempt) -> None:
        """Get what its requests need beside the credentials, such as an access token; send nothing that has an effect.

        Called before the operation is marked as sent: whatever dies here, and however long it takes, leaves no doubt. What it
        notes in `references` is committed with the mark: what a choice of it was, each later try and query knows.
        Raises `NotSent` or `Misconfigured`.
        """
        ...

    async def execute(self, attempt: Attempt) -> Outcome:
        """Carry out the operation; called again with the same attempt when an earlier try may have been lost."""
        ...

    async def query(self, attempt: Attempt) -> Outcome:
        """What the provider reports of the operation. Has no effect but the one that the operation was to have anyway.

        What the operation holds may be renewed by it, under a key of its own, where that takes no money and holds no more.
        """
        ...

    async def parse_callback(self, callback: Callback, credentials: Credentials) -> ParsedCallback:
        """Verify and read a callback. Raises `BadSignature` unless it is genuine and fresh.

        It may ask the provider, as long as the callback's sender waits; `NotSent` makes it send the callback again.
        """
        ...


_KINDS: Mapping[type[ProviderOperation], ProviderOperationKind] = {
    Charge: "charge",
    Setup: "setup",
    Confirm: "confirm",
    Capture: "capture",
    Cancel: "cancel",
    Refund: "refund",
    ReturnRequest: "return_request",
    Detach: "detach",
    Dispute: "dispute",
}


def kind_of(operation: ProviderOperation) -> ProviderOperationKind:
    """The kind of an operation, as messages and columns name it."""
    return _KINDS[type(operation)]


def fingerprint(provider: Provider, credentials: Credentials) -> str:
    """What names an account to everybody: for as long as `identity` is the same, and nothing that could be used."""
    return hashlib.sha256(f"{provider.descriptor.name}/{provider.identity(credentials)}".encode()).hexdigest()


def refusal(provider: ProviderDescriptor, operation: ProviderOperation) -> Outcome | None:
    """The outcome of an operation that `provider` does not declare, or of an amount that it does not take; else None.

    To be asked before anything is sent: it says nothing of what was sent already.
    """
    kind = kind_of(operation)
    if kind not in provider.operations:
        return Declined(code="provider_unsupported", message=f"{provider.title} has no {kind}.")
    if isinstance(operation, Capture) and not operation.final and not provider.operations[kind].several:
        return Declined(code="provider_unsupported", message=f"{provider.title} does one capture of a payment.")
    if isinstance(operation, Cancel | Setup | Detach) or _takes(provider, operation):
        return None
    return Declined(code="amount_unsupported", message=f"{provider.title} cannot take {operation.amount}.")


def _takes(
    provider: ProviderDescriptor, operation: Charge | Confirm | Capture | Refund | ReturnRequest | Dispute
) -> bool:
    """Whether the amount is one of the charge's method, or may be a part of one. A method that is not there takes any:
    it cannot be read, which says more.
    """
    if not isinstance(operation, Charge):
        return provider.may_part(operation.amount)
    rules = provider.rules_of(operation.method.type)
    return rules is None or rules.takes(operation.amount, operation.capture)
