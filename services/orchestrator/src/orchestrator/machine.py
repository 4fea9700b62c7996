"""The states of payments, refunds, captures and cancels as one table; everything else follows it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a payment or an operation stands. `IN_DOUBT`: sent, and no answer that we understand.

    `WAITING`: a cancel that nobody can carry out yet, because the provider has not said how the charge stands.
    """

    INITIATED = "initiated"
    WAITING = "waiting"
    PROCESSING = "processing"
    REQUIRES_ACTION = "requires_action"
    AUTHORIZED = "authorized"
    IN_DOUBT = "in_doubt"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


class Trigger(StrEnum):
    """What happens to it: our own step, a provider's word, a deadline, or the end of the intent (`EXPIRED`).

    `DEFERRED`: a cancel came that must wait.
    """

    DISPATCHED = "dispatched"
    DEFERRED = "deferred"
    UNROUTABLE = "unroutable"
    SUCCEEDED = "succeeded"
    AUTHORIZED = "authorized"
    DECLINED = "declined"
    CANCELED = "canceled"
    PENDING = "pending"
    ACTION_REQUIRED = "action_required"
    UNKNOWN = "unknown"
    OVERDUE = "overdue"
    EXPIRED = "expired"


class Send(StrEnum):
    """What a step sends to the provider. `WITHDRAW` stops a charge that was never sent, and nothing else."""

    CHARGE = "charge"
    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"
    QUERY = "query"
    WITHDRAW = "withdraw"


class Subject(StrEnum):
    """What has states."""

    PAYMENT = "payment"
    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Transition:
    """In `state`, when `trigger` happens: go `to`, send the provider `send`, tell the merchant `tell`."""

    subject: Subject
    state: State
    trigger: Trigger
    to: State
    send: Send | None
    event: str | None


I, P, A, H, D = State.INITIATED, State.PROCESSING, State.REQUIRES_ACTION, State.AUTHORIZED, State.IN_DOUBT
W = State.WAITING
DONE, FAILED, CANCELED = State.COMPLETED, State.FAILED, State.CANCELED
T, S = Trigger, Send
_ = None

# fmt: off
_TABLE = {
    Subject.PAYMENT: (
        # in this state   when this happens    go there   send the provider   tell the merchant
        (I,               T.DISPATCHED,        P,         S.CHARGE,           _),
        (I,               T.UNROUTABLE,        FAILED,    _,                  "payment.failed"),
        (I,               T.OVERDUE,           FAILED,    _,                  "payment.failed"),
        (I,               T.EXPIRED,           FAILED,    _,                  "payment.failed"),  # it came too late
        (P,               T.SUCCEEDED,         DONE,      _,                  "payment.completed"),
        (P,               T.AUTHORIZED,        H,         _,                  "payment.authorized"),
        (P,               T.DECLINED,          FAILED,    _,                  "payment.failed"),
        (P,               T.CANCELED,          CANCELED,  _,                  "payment.canceled"),
        (P,               T.PENDING,           P,         _,                  _),
        (P,               T.ACTION_REQUIRED,   A,         _,                  "payment.requires_action"),
        (P,               T.UNKNOWN,           D,         S.QUERY,            "payment.processing"),
        (P,               T.OVERDUE,           D,         S.QUERY,            "payment.processing"),
        (A,               T.SUCCEEDED,         DONE,      _,                  "payment.completed"),
        (A,               T.AUTHORIZED,        H,         _,                  "payment.authorized"),
        (A,               T.DECLINED,          FAILED,    _,                  "payment.failed"),
        (A,               T.CANCELED,          CANCELED,  _,                  "payment.canceled"),
        (A,               T.PENDING,           P,         _,                  "payment.processing"),
        (A,               T.ACTION_REQUIRED,   A,         _,                  _),
        (A,               T.UNKNOWN,           D,         S.QUERY,            "payment.processing"),
        (A,               T.OVERDUE,           A,         S.QUERY,            _),  # did we miss what the customer did?
        (A,               T.EXPIRED,           A,         S.CANCEL,           _),  # he must not pay any more
        (H,               T.SUCCEEDED,         DONE,      _,                  "payment.completed"),
        (H,               T.AUTHORIZED,        H,         _,                  _),
        (H,               T.DECLINED,          FAILED,    _,                  "payment.failed"),
        (H,               T.CANCELED,          CANCELED,  _,                  "payment.canceled"),
        (H,               T.PENDING,           H,         _,                  _),
        (H,               T.ACTION_REQUIRED,   H,         _,                  _),
        (H,               T.UNKNOWN,           D,         S.QUERY,            "payment.processing"),
        (H,               T.OVERDUE,           H,         S.QUERY,            _),
        (D,               T.SUCCEEDED,         DONE,      _,                  "payment.completed"),
        (D,               T.AUTHORIZED,        H,         _,                  "payment.authorized"),
        (D,               T.DECLINED,          FAILED,    _,                  "payment.failed"),
        (D,               T.CANCELED,          CANCELED,  _,                  "payment.canceled"),
        (D,               T.PENDING,           P,         _,                  _),
        (D,               T.ACTION_REQUIRED,   A,         _,                  "payment.requires_action"),
        (D,               T.UNKNOWN,           D,         _,                  _),
        (D,               T.OVERDUE,           D,         S.QUERY,            _),
    ),
    Subject.REFUND: (
        (I,               T.DISPATCHED,        P,         S.REFUND,           _),
        (I,               T.OVERDUE,           FAILED,    _,                  "refund.failed"),
        (P,               T.SUCCEEDED,         DONE,      _,                  "refund.completed"),
        (P,               T.DECLINED,          FAILED,    _,                  "refund.failed"),
        (P,               T.PENDING,           P,         _,                  _),
        (P,               T.UNKNOWN,           D,         S.QUERY,            _),
        (P,               T.OVERDUE,           D,         S.QUERY,            _),
        (D,               T.SUCCEEDED,         DONE,      _,                  "refund.completed"),
        (D,               T.DECLINED,          FAILED,    _,                  "refund.failed"),
        (D,               T.PENDING,           P,         _,                  _),
        (D,               T.UNKNOWN,           D,         _,                  _),
        (D,               T.OVERDUE,           D,         S.QUERY,            _),
        (DONE,            T.DECLINED,          FAILED,    _,                  "refund.failed"),  # the bank gave it back
    ),
    Subject.CAPTURE: (
        (I,               T.DISPATCHED,        P,         S.CAPTURE,          _),
        (I,               T.OVERDUE,           FAILED,    _,                  "capture.failed"),
        (P,               T.SUCCEEDED,         DONE,      _,                  _),
        (P,               T.DECLINED,          FAILED,    _,                  "capture.failed"),
        (P,               T.CANCELED,          FAILED,    _,                  "capture.failed"),
        (P,               T.PENDING,           P,         _,                  _),
        (P,               T.UNKNOWN,           D,         S.QUERY,            _),
        (P,               T.OVERDUE,           D,         S.QUERY,            _),
        (D,               T.SUCCEEDED,         DONE,      _,                  _),
        (D,               T.DECLINED,          FAILED,    _,                  "capture.failed"),
        (D,               T.CANCELED,          FAILED,    _,                  "capture.failed"),
        (D,               T.PENDING,           P,         _,                  _),
        (D,               T.UNKNOWN,           D,         _,                  _),
        (D,               T.OVERDUE,           D,         S.QUERY,            _),
    ),
    Subject.CANCEL: (
        (I,               T.DISPATCHED,        P,         S.CANCEL,           _),
        (I,               T.OVERDUE,           FAILED,    _,                  "cancel.failed"),
        (I,               T.DEFERRED,            W,         S.WITHDRAW,         _),
        (W,               T.DISPATCHED,        P,         S.CANCEL,           _),  # the charge stands: now it can be
        (W,               T.CANCELED,          DONE,      _,                  _),
        (W,               T.SUCCEEDED,         FAILED,    _,                  "cancel.failed"),  # too late: it is paid
        (W,               T.DECLINED,          FAILED,    _,                  "cancel.failed"),  # nothing to cancel
        (W,               T.OVERDUE,           W,         S.WITHDRAW,         _),
        (P,               T.CANCELED,          DONE,      _,                  _),
        (P,               T.SUCCEEDED,         FAILED,    _,                  "cancel.failed"),  # too late: it is paid
        (P,               T.DECLINED,          FAILED,    _,                  "cancel.failed"),
        (P,               T.PENDING,           P,         _,                  _),
        (P,               T.AUTHORIZED,        FAILED,    _,                  "cancel.failed"),  # refused: it still stands
        (P,               T.ACTION_REQUIRED,   FAILED,    _,                  "cancel.failed"),
        (P,               T.UNKNOWN,           D,         S.QUERY,            _),
        (P,               T.OVERDUE,           D,         S.QUERY,            _),
        (D,               T.CANCELED,          DONE,      _,                  _),
        (D,               T.SUCCEEDED,         FAILED,    _,                  "cancel.failed"),
        (D,               T.DECLINED,          FAILED,    _,                  "cancel.failed"),
        (D,               T.PENDING,           P,         _,                  _),
        (D,               T.AUTHORIZED,        FAILED,    _,                  "cancel.failed"),
        (D,               T.ACTION_REQUIRED,   FAILED,    _,                  "cancel.failed"),
        (D,               T.UNKNOWN,           D,         _,                  _),
        (D,               T.OVERDUE,           D,         S.QUERY,            _),
    ),
}
# fmt: on

TRANSITIONS: tuple[Transition, ...] = tuple(
    Transition(subject, *cells) for subject, rows in _TABLE.items() for cells in rows
)
TABLE: dict[tuple[Subject, State, Trigger], Transition] = {
    (row.subject, row.state, row.trigger): row for row in TRANSITIONS
}
DECIDED: frozenset[State] = frozenset({State.COMPLETED, State.FAILED, State.CANCELED})
"""States in which nothing is waited for."""

FINAL_TRIGGERS: frozenset[Trigger] = frozenset({Trigger.SUCCEEDED, Trigger.DECLINED, Trigger.CANCELED})
"""Words after which the provider has decided."""

_ANSWER_SECONDS = 30  # an order or a question is answered by then, or the provider service is in trouble
_MAX_SECONDS = 900
_DEADLINE_SECONDS = {
    State.INITIATED: 60,
    State.WAITING: 30,
    State.PROCESSING: 60,
    State.REQUIRES_ACTION: 15,
    State.AUTHORIZED: 24 * 3600,  # providers drop an authorization after days: ask once a day whether it stands
    State.IN_DOUBT: 1,
}
_TRUE_IN_ANY_ORDER = frozenset(
    {
        # Words that are all true when they come in another order than they were said in: of a charge that has failed and
        # then was given up no money was taken, whichever is heard first. Whether money moved is judged of the payment.
        (Subject.PAYMENT, State.FAILED, Trigger.CANCELED),
        (Subject.PAYMENT, State.CANCELED, Trigger.DECLINED),
        (Subject.CANCEL, State.FAILED, Trigger.CANCELED),
        (Subject.CANCEL, State.COMPLETED, Trigger.DECLINED),
    }
)


class Ignored(StrEnum):
    """Why a trigger changes nothing where the table has no transition for it."""

    REPEAT = "repeat"
    LATE = "late"
    CONTRADICTION = "contradiction"


def why_ignored(subject: Subject, state: State, trigger: Trigger) -> Ignored:
    """Judge a provider's word that comes after the end: said before, true in any order, or impossible beside the first."""
    if trigger not in FINAL_TRIGGERS or (subject, state, trigger) in _TRUE_IN_ANY_ORDER:
        return Ignored.LATE
    deciding = {row.trigger for row in TRANSITIONS if row.subject is subject and row.to is state}
    return Ignored.REPEAT if trigger in deciding else Ignored.CONTRADICTION


def repeats_command(row: Transition) -> bool:
    """Whether the order goes out again in front of the row's question: nothing came back since it was sent, so that it
    may have been lost on its way.

    The same order, by its operation's id: who has it drops the repeat. That is why one row alone sends a charge, and a
    charge that is repeated is still the one.
    """
    awaited = row.state in (State.PROCESSING, State.IN_DOUBT)
    return row.send is Send.QUERY and row.trigger is Trigger.OVERDUE and awaited


def deadline_seconds(row: Transition, queries: int) -> float | None:
    """How long to wait in `row.to` before OVERDUE; None where nothing is waited for. `queries` counts those so far."""
    if row.to in DECIDED:
        return None
    if row.send in (Send.QUERY, Send.WITHDRAW):
        return min(_ANSWER_SECONDS * (1 + queries), _MAX_SECONDS)
    if row.to is State.AUTHORIZED:
        return _DEADLINE_SECONDS[row.to]
    return min(_DEADLINE_SECONDS[row.to] * 2 ** min(queries, 10), _MAX_SECONDS)
