"""The states of payments, refunds, captures and cancels as one table; everything else follows it."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The state of a payment or an operation. `IN_DOUBT`: sent, and no answer that we understand.

    `WAITING`: a cancel that cannot be carried out yet, because the provider has not reported the state of the charge.
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
    """What happens to it: our own action, a provider's outcome, a deadline, or the end of the intent (`EXPIRED`).

    `DEFERRED`: a cancel was requested that must wait.
    """

    DISPATCHED = "dispatched"
    DEFERRED = "deferred"
    UNROUTABLE = "unroutable"
    SUCCEEDED = "succeeded"
    AUTHORIZED = "authorized"
    DECLINED = "declined"
    CANCELED = "canceled"
    PENDING = "pending"
    APPROVED = "approved"
    REVERSED = "reversed"
    ACTION_REQUIRED = "action_required"
    UNKNOWN = "unknown"
    OVERDUE = "overdue"
    EXPIRED = "expired"


class Send(StrEnum):
    """What a transition sends to the provider. `WITHDRAW` stops a charge that was never sent, and nothing else."""

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
    """In `state`, when `trigger` happens: go `to`, send the provider `send`, publish `event`."""

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
        # in this state   when this happens    go there   send the provider   publish
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
        (A,               T.EXPIRED,           A,         S.CANCEL,           _),  # the customer must not pay any more
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
        (I,               T.DEFERRED,          W,         S.WITHDRAW,         _),
        (W,               T.DISPATCHED,        P,         S.CANCEL,           _),  # the charge exists: now it can be sent
        (W,               T.CANCELED,          DONE,      _,                  _),
        (W,               T.SUCCEEDED,         FAILED,    _,                  "cancel.failed"),  # too late: it is paid
        (W,               T.DECLINED,          FAILED,    _,                  "cancel.failed"),  # nothing to cancel
        (W,               T.OVERDUE,           W,         S.WITHDRAW,         _),
        (P,               T.CANCELED,          DONE,      _,                  _),
        (P,               T.SUCCEEDED,         FAILED,    _,                  "cancel.failed"),  # too late: it is paid
        (P,               T.DECLINED,          FAILED,    _,                  "cancel.failed"),
        (P,               T.PENDING,           P,         _,                  _),
        (P,               T.AUTHORIZED,        FAILED,    _,                  "cancel.failed"),  # refused: the charge still exists
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
    (one.subject, one.state, one.trigger): one for one in TRANSITIONS
}
DECIDED: frozenset[State] = frozenset({State.COMPLETED, State.FAILED, State.CANCELED})
"""States in which nothing is waited for."""

FINAL_TRIGGERS: frozenset[Trigger] = frozenset({Trigger.SUCCEEDED, Trigger.DECLINED, Trigger.CANCELED})
"""Outcomes by which the provider has decided."""

_ANSWER_SECONDS = 30  # a command or a query is answered by then, or the provider service is in trouble
_MAX_SECONDS = 900
_DEADLINE_SECONDS = {
    State.INITIATED: 60,
    State.WAITING: 30,
    State.PROCESSING: 60,
    State.REQUIRES_ACTION: 15,
    State.AUTHORIZED: 24 * 3600,  # providers drop an authorization after days: query once a day whether it still exists
    State.IN_DOUBT: 1,
}
_TRUE_IN_ANY_ORDER = frozenset(
    {
        # Outcomes that are all true even if they arrive in another order than they happened in: a charge that failed and
        # was canceled afterwards took no money, whichever is received first. Whether money moved is judged on the payment.
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
    """Judge an outcome that comes after the end: a repeat, true in any order, or impossible beside the first."""
    if trigger not in FINAL_TRIGGERS or (subject, state, trigger) in _TRUE_IN_ANY_ORDER:
        return Ignored.LATE
    deciding = {one.trigger for one in TRANSITIONS if one.subject is subject and one.to is state}
    return Ignored.REPEAT if trigger in deciding else Ignored.CONTRADICTION


def repeats_command(transition: Transition) -> bool:
    """Whether the command is sent again ahead of the transition's query: nothing came back since it was sent, so it may
    have been lost on its way.

    It is the same command, by its operation's id: a provider service that has it drops the repeat. So only one
    transition sends a charge, and a repeated charge is still that one.
    """
    awaited = transition.state in (State.PROCESSING, State.IN_DOUBT)
    return transition.send is Send.QUERY and transition.trigger is Trigger.OVERDUE and awaited


def deadline_seconds(transition: Transition, queries: int) -> float | None:
    """How long to wait in `transition.to` before OVERDUE; None where nothing is waited for. `queries` counts those so far."""
    if transition.to in DECIDED:
        return None
    if transition.send in (Send.QUERY, Send.WITHDRAW):
        return min(_ANSWER_SECONDS * (1 + queries), _MAX_SECONDS)
    if transition.to is State.AUTHORIZED:
        return _DEADLINE_SECONDS[transition.to]
    return min(_DEADLINE_SECONDS[transition.to] * 2 ** min(queries, 10), _MAX_SECONDS)
