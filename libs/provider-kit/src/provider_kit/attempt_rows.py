"""Attempts as rows, and as read from these: one that this process runs, and one that a query or callback is about."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec

from malipo import clock
from malipo.contracts.identity import account_name
from malipo.contracts.message import Message, encode
from malipo.contracts.outcomes import Authorized, Outcome, OutcomeReported, Reversed, Succeeded
from malipo.contracts.provider_commands import BaseCommand, Charge, Confirm, ProviderCommand, Query, Setup
from malipo.messaging.executor import Lease
from malipo.messaging.pool import Row
from malipo.messaging.subscription import Received
from malipo.platform.logs import log
from provider_kit.provider import Ages, Named, ProviderOperation, References, kind_of
from provider_kit.references import CUSTOMER, MAIN, OWN, holdable

OPENED = "opened"
"""The `problem` of an attempt that stands for an operation begun at the provider: it is never carried out here."""

ACCOUNT_THERE = """concat_ws('/', split_part(attempts.account, '/', 1), split_part(attempts.account, '/', 2),
    attempts.account_fingerprint)"""
"""In SQL: the name (`account_name`) of the account that an attempt was sent to, as all labels of it share: with the fingerprint
in place of the label.
"""

_COMMAND = msgspec.json.Decoder(ProviderCommand)
_OPERATION = msgspec.json.Decoder(ProviderOperation)


@dataclass(slots=True, weakref_slot=True)
class LeaseHold:
    """When a lease was last known to be ours: a moment of `clock.since_boot` before the database confirmed it.

    `wanted` is the lease as long as it is not taken: of an attempt that was handed over as it was recorded, and never claimed.
    """

    since: float = field(default_factory=clock.since_boot)
    wanted: Lease | None = None

    def confirm(self, asked_at: float) -> None:
        """It is ours, since the moment before the database was asked."""
        self.since, self.wanted = asked_at, None


@dataclass(frozen=True, slots=True)
class ClaimedAttempt:
    """An attempt that this process may run now, and for how long it has waited (`age`): one that it has claimed, or one that was
    `unclaimed` so far.

    `first_sent_at` is set when an earlier try may have reached the provider, in the account with this fingerprint. `forgotten`:
    a restored database does not know what came of it, and nothing of it is sent any more. `problem` is why the try before could not be sent; None at the first try, and after a process that died. The lease is
    ours under this `token`, and `hold` follows its renewals.
    """

    id: str
    token: str
    command: ProviderCommand
    headers: dict[str, str]
    tries: int
    reference: str | None
    age: timedelta
    first_sent_at: datetime | None = None
    forgotten: bool = False
    account_fingerprint: str | None = None
    address_key: str | None = None
    problem: str | None = None
    ages: Ages = field(default_factory=Ages)
    references: References = field(default_factory=References)
    hold: LeaseHold = field(default_factory=LeaseHold)

    @property
    def died(self) -> bool:
        """Whether the process of an earlier try died after the request may have been sent, with no outcome recorded."""
        return self.first_sent_at is not None and self.problem is None


@dataclass(frozen=True, slots=True)
class FinishedAttempt:
    """An attempt that is at its end, and the report of it."""

    claimed: ClaimedAttempt
    report: OutcomeReported


@dataclass(frozen=True, slots=True)
class PostponedAttempt:
    """An attempt that was released: it runs again at `retry_at`, or was ended by the step that withdrew it.

    `also_answers` is the step of the last query about it that was not carried out.
    """

    retry_at: datetime
    withdrawn_step: int | None
    also_answers: int


@dataclass(frozen=True, slots=True)
class OriginalAttempt:
    """The attempt that a query or a callback is about. `headers` are those to hand on to what it causes.

    `references` are all ids of the provider's that are known by now, the earliest first; `claims` are what hints have given as such.
    `opened`: it was begun at the provider, and is only ever read about. `outcome` is the answer to it; `success` is what has
    told that its money moved, whichever way it came, though the money may have come back since. `ended`: an answer or a query has told
    an end without money. `forgotten`: a restored database does not know what came of it. Of two attempts of a payment
    the later one has the greater `position`.
    """

    operation: ProviderOperation
    headers: dict[str, str]
    first_sent_at: datetime | None
    account_fingerprint: str | None
    reference: str | None
    outcome: Outcome | None
    ages: Ages
    references: Sequence[Named] = ()
    claims: Sequence[Named] = ()
    opened: bool = False
    address_key: str | None = None
    success: Succeeded | Reversed | None = None
    ended: bool = False
    forgotten: bool = False
    position: int = 0

    @property
    def failed(self) -> bool:
        """Whether it has ended without money, as far as is known."""
        return self.ended and self.success is None

    def has_answered(self, outcome: Outcome) -> bool:
        """Whether this success is the answer to the operation, word for word: the report of that was committed with it."""
        return not self.opened and isinstance(outcome, Authorized | Succeeded) and outcome == self.outcome

    @property
    def ids(self) -> set[str]:
        """All ids that it is known by, whatever they are called."""
        return self.given | {reference for _, reference in self.references}

    @property
    def given(self) -> set[str]:
        """Those that the provider gave to it."""
        main = {holdable(self.reference)} if self.reference else set[str]()
        return main | {reference for role, reference in self.references if role not in (OWN, CUSTOMER)}


def read(row: Row, token: str, asked_at: float) -> ClaimedAttempt | None:
    """The attempt in a row, or None: whatever is wrong with it must not stop other attempts."""
    try:
        return _claimed(row, token, asked_at)
    except Exception as error:  # noqa: BLE001 - and its text may quote what is in the row
        log.error(
            "attempt cannot be read", payment_id=row["payment_id"], attempt_id=row["id"], error=type(error).__name__
        )
        return None


def account_of(command: BaseCommand) -> str:
    """What names the merchant's account that a command is for, to tell accounts apart: no secret."""
    return account_name(command.merchant_id, command.mode, command.account)


def command_of(message: Message) -> ProviderCommand:
    """The message as what it is."""
    if not isinstance(message, ProviderCommand):
        raise TypeError(type(message).__name__)
    return message


def new_row(received: Received[Message], command: ProviderCommand) -> Sequence[object]:
    """The attempt that a command is recorded as, in the order of `NEW_ATTEMPT`. An operation has one attempt; each query of it is an attempt of its own."""
    attempt_id = received.message_id if isinstance(command, Query) else command.operation_id
    kind = "query" if isinstance(command, Query) else kind_of(command)
    expires_at = command.expires_at if isinstance(command, Charge | Setup | Confirm) else None
    ids_ = attempt_id, command.operation_id, command.payment_id, command.merchant_id
    return *ids_, kind, encode(command), received.headers, expires_at, account_of(command)


def unclaimed(received: Received[Message], lease: Lease) -> ClaimedAttempt:
    """The attempt that was just recorded for this operation, to be run without a claim: the mark leases it, if nobody was faster."""
    command = command_of(received.message)
    return ClaimedAttempt(
        id=command.operation_id,
        token=lease.token,
        command=command,
        headers=received.headers,
        tries=1,
        reference=None,
        age=timedelta(),
        hold=LeaseHold(wanted=lease),
    )


def _claimed(row: Row, token: str, asked_at: float) -> ClaimedAttempt:
    return ClaimedAttempt(
        id=row["id"],
        token=token,
        command=_COMMAND.decode(row["command"]),
        headers=msgspec.convert(row["headers"], dict[str, str]),
        tries=row["tries"],
        reference=row["reference"],
        age=row["age"],
        first_sent_at=row["first_sent_at"],
        forgotten=row["forgotten"],
        account_fingerprint=row["account_fingerprint"],
        address_key=row["address_key"],
        problem=row["problem"],
        ages=_ages(row, asked_at),
        references=References(_pairs(row["known"])),
        hold=LeaseHold(asked_at),
    )


def read_original(row: Row, read_at: float) -> OriginalAttempt:
    """The attempt in a row. An error is raised: without the original nothing can be reported of the operation."""
    operation = _OPERATION.decode(row["command"])
    references = _pairs(row["known"])
    outcome = row["outcome"] and msgspec.convert(row["outcome"], Outcome)
    return OriginalAttempt(
        operation=operation,
        headers=row["headers"],
        first_sent_at=row["first_sent_at"],
        account_fingerprint=row["account_fingerprint"],
        address_key=row["address_key"],
        reference=row["reference"] or next((found for role, found in references if role == MAIN), None),
        outcome=outcome,
        ages=replace(_ages(row, read_at), statement_for=row["statement_for"]),
        references=references,
        claims=_pairs(row["claimed"]),
        opened=row["problem"] == OPENED,
        success=row["success"] and msgspec.convert(row["success"], Succeeded | Reversed),
        ended=row["ended"],
        forgotten=row["forgotten"],
        position=row["position"],
    )


def _pairs(found: object) -> list[Named]:
    return msgspec.convert(found or [], list[Named])


def _ages(row: Row, read_at: float) -> Ages:
    return Ages(row["key_age"] or timedelta(), row["expires_in"], read_at=read_at)
