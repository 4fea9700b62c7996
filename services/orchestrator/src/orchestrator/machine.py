"""The states of payments and of what is done with them as one table; everything else follows it."""

from dataclasses import dataclass
from enum import StrEnum

from orchestrator.setup_table import SETUP
from orchestrator.states import Send, State, Subject, Trigger


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
W, N = State.WAITING, State.PENDING
DONE, RETURNED, FAILED, CANCELED = State.COMPLETED, State.RETURNED, State.FAILED, State.CANCELED
WON, LOST = State.WON, State.LOST
T, S = Trigger, Send
_ = None

# fmt: off
_TABLE = {
    Subject.PAYMENT: (
        # in this state    when this happens    go there   send the provider   publish
        (I,                T.DISPATCHED,        P,         S.CHARGE,           _),
        (I,                T.RECEIVED,          DONE,      _,                  "payment.completed"),
        (I,                T.UNROUTABLE,        FAILED,    _,                  "payment.failed"),
        (I,                T.OVERDUE,           FAILED,    _,                  "payment.failed"),
        (I,                T.EXPIRED,           FAILED,    _,                  "payment.failed"),  # it came too late
        (P,                T.SUCCEEDED,         DONE,      _,                  "payment.completed"),
        (P,                T.AUTHORIZED,        H,         _,                  "payment.authorized"),
        (P,                 T.CAPTURED,          H,         _,                  "payment.partially_captured"),
        (P,                 T.RELEASED,          DONE,      _,                  "payment.completed"),
        (P,                T.DECLINED,          FAILED,    _,                  "payment.failed"),
        (P,                T.CANCELED,          CANCELED,  _,                  "payment.canceled"),
        (P,                T.REVERSED,          RETURNED,  _,                  "payment.returned"),
        (P,                T.PENDING,           N,         _,                  _),
        (P,                T.BEGUN,             N,         _,                  "payment.processing"),
        (P,                T.ACTION_REQUIRED,   A,         _,                  "payment.requires_action"),
        (P,                T.APPROVED,          P,         S.CONFIRM,          _),
        (P,                T.UNKNOWN,           D,         S.QUERY,            "payment.processing"),
        (P,                T.UNCLEAR,           D,         S.QUERY,            "payment.processing"),
        (P,                T.OVERDUE,           D,         S.QUERY,            "payment.processing"),
        (P,                T.EXPIRED,           P,         S.CANCEL,           _),  # the customer agreed too late
        (N,                T.SUCCEEDED,         DONE,      _,                  "payment.completed"),
        (N,                T.AUTHORIZED,        H,         _,                  "payment.authorized"),
        (N,                 T.CAPTURED,          H,         _,                  "payment.partially_captured"),
        (N,                 T.RELEASED,          DONE,      _,                  "payment.completed"),
        (N,                T.DECLINED,          FAILED,    _,                  "payment.failed"),
        (N,                T.CANCELED,          CANCELED,  _,                  "payment.canceled"),
        (N,                T.REVERSED,          RETURNED,  _,                  "payment.returned"),
        (N,                T.PENDING,           N,         _,                  _),  # for another reason
        (N,                T.BEGUN,             N,         _,                  "payment.processing"),
        (N,                T.ACTION_REQUIRED,   A,         _,                  "payment.requires_action"),
        (N,                T.APPROVED,          P,         S.CONFIRM,          _),
        (N,                T.UNCLEAR,           D,         S.QUERY,            _),  # no wait any more
        (N,                T.OVERDUE,           N,         S.QUERY,            _),
        (N,                T.EXPIRED,           N,         S.CANCEL,           _),
        (N,                T.DECIDED_COMPLETED, DONE,      _,                  "payment.completed"),
        (N,                T.DECIDED_FAILED,    FAILED,    _,                  "payment.failed"),
        (A,                T.SUCCEEDED,         DONE,      _,                  "payment.completed"),
        (A,                T.AUTHORIZED,        H,         _,                  "payment.authorized"),
        (A,                 T.CAPTURED,          H,         _,                  "payment.partially_captured"),
        (A,                 T.RELEASED,          DONE,      _,                  "payment.completed"),
        (A,                T.DECLINED,          FAILED,    _,                  "payment.failed"),
        (A,                T.CANCELED,          CANCELED,  _,                  "payment.canceled"),
        (A,                T.REVERSED,          RETURNED,  _,                  "payment.returned"),
        (A,                T.PENDING,           N,         _,                  "payment.processing"),
        (A,                T.BEGUN,             N,         _,                  "payment.processing"),
        (A,                T.ACTION_REQUIRED,   A,         _,                  _),
        (A,                T.APPROVED,          P,         S.CONFIRM,          "payment.processing"),
        (A,                T.UNKNOWN,           D,         S.QUERY,            "payment.processing"),
        (A,                T.UNCLEAR,           D,         S.QUERY,            "payment.processing"),
        (A,                T.OVERDUE,           A,         S.QUERY,            _),  # did we miss what the customer did?
        (A,                T.EXPIRED,           A,         S.CANCEL,           _),  # the customer must not pay any more
        (H,                T.SUCCEEDED,         DONE,      _,                  "payment.completed"),
        (H,                T.AUTHORIZED,        H,         _,                  _),
        (H,                 T.CAPTURED,          H,         _,                  "payment.partially_captured"),
        (H,                 T.RELEASED,          DONE,      _,                  "payment.completed"),
        (H,                T.DECLINED,          FAILED,    _,                  "payment.failed"),
        (H,                T.CANCELED,          CANCELED,  _,                  "payment.canceled"),
        (H,                T.REVERSED,          RETURNED,  _,                  "payment.returned"),
        (H,                T.PENDING,           H,         _,                  _),
        (H,                T.BEGUN,             H,         _,                  _),
        (H,                T.ACTION_REQUIRED,   H,         _,                  _),
        (H,                T.SAVED,             H,         _,                  "payment_method.saved"),
        (H,                T.METHOD_CHANGED,    H,         _,                  "payment_method.updated"),
        (H,                T.UNKNOWN,           D,         S.QUERY,            "payment.processing"),
        (H,                T.UNCLEAR,           D,         S.QUERY,            "payment.processing"),
        (H,                T.OVERDUE,           H,         S.QUERY,            _),
        (D,                T.SUCCEEDED,         DONE,      _,                  "payment.completed"),
        (D,                T.AUTHORIZED,        H,         _,                  "payment.authorized"),
        (D,                 T.CAPTURED,          H,         _,                  "payment.partially_captured"),
        (D,                 T.RELEASED,          DONE,      _,                  "payment.completed"),
        (D,                T.DECLINED,          FAILED,    _,                  "payment.failed"),
        (D,                T.CANCELED,          CANCELED,  _,                  "payment.canceled"),
        (D,                T.REVERSED,          RETURNED,  _,                  "payment.returned"),
        (D,                T.PENDING,           N,         _,                  _),
        (D,                T.BEGUN,             N,         _,                  "payment.processing"),
        (D,                T.ACTION_REQUIRED,   A,         _,                  "payment.requires_action"),
        (D,                T.APPROVED,          P,         S.CONFIRM,          _),
        (D,                T.UNKNOWN,           D,         _,                  _),
        (D,                T.UNCLEAR,           D,         _,                  _),
        (D,                T.OVERDUE,           D,         S.QUERY,            _),
        (D,                T.EXPIRED,           D,         S.CANCEL,           _),
        (D,                T.DECIDED_COMPLETED, DONE,      _,                  "payment.completed"),
        (D,                T.DECIDED_FAILED,    FAILED,    _,                  "payment.failed"),
        (DONE,             T.REVERSED,          RETURNED,  _,                  "payment.returned"),  # a bank gave it back
        (DONE,             T.NAMED,             DONE,      _,                  _),
        (DONE,             T.SAVED,             DONE,      _,                  "payment_method.saved"),
        (DONE,             T.METHOD_CHANGED,    DONE,      _,                  "payment_method.updated"),
        (DONE,             T.DECIDED_FAILED,    FAILED,    _,                  "payment.corrected"),
        (RETURNED,         T.SAVED,             RETURNED,  _,                  "payment_method.saved"),
        (RETURNED,         T.METHOD_CHANGED,    RETURNED,  _,                  "payment_method.updated"),
        (FAILED,           T.SUCCEEDED,         DONE,      _,                  "payment.corrected"),  # the money is there after all
        (FAILED,            T.CAPTURED,          DONE,      _,                  "payment.corrected"),
        (FAILED,           T.AUTHORIZED,        FAILED,    S.CANCEL,           _),  # money is held that nobody waits for: release it
        (FAILED,           T.REVERSED,          RETURNED,  _,                  "payment.returned"),  # it had come, as will be reported
        (FAILED,           T.DECIDED_COMPLETED, DONE,      _,                  "payment.corrected"),
        (CANCELED,         T.SUCCEEDED,         DONE,      _,                  "payment.corrected"),  # the money is there after all
        (CANCELED,          T.CAPTURED,          DONE,      _,                  "payment.corrected"),
        (CANCELED,         T.AUTHORIZED,        CANCELED,  S.CANCEL,           _),
        (CANCELED,         T.REVERSED,          RETURNED,  _,                  "payment.returned"),
        (CANCELED,         T.SAVED,             CANCELED,  _,                  "payment_method.saved"),  # it was held before
        (CANCELED,         T.METHOD_CHANGED,    CANCELED,  _,                  "payment_method.updated"),
        (CANCELED,         T.DECIDED_COMPLETED, DONE,      _,                  "payment.corrected"),
    ),
    Subject.REFUND: (
        (I,                T.DISPATCHED,        P,         S.REFUND,           _),
        (I,                T.OPENED,            P,         _,                  "refund.opened"),
        (I,                T.OVERDUE,           FAILED,    _,                  "refund.failed"),
        (I,                T.DEFERRED,          W,         S.QUERY,            _),  # what is the charge called at the provider?
        (W,                T.DISPATCHED,        P,         S.REFUND,           _),  # now it can be sent
        (W,                T.PAYMENT_RETURNED,  FAILED,    _,                  "refund.failed"),  # nothing to give back any more
        (W,                T.OVERDUE,           W,         S.QUERY,            _),
        (W,                T.DECIDED_FAILED,    FAILED,    _,                  "refund.failed"),
        (P,                T.SUCCEEDED,         DONE,      _,                  "refund.completed"),
        (P,                T.DECLINED,          FAILED,    _,                  "refund.failed"),
        (P,                T.REVERSED,          FAILED,    _,                  "refund.failed"),
        (P,                T.CANCELED,          FAILED,    _,                  "refund.failed"),  # it was withdrawn
        (P,                T.PAYMENT_RETURNED,  P,         S.WITHDRAW,         _),  # the customer must not get it twice
        (P,                T.PENDING,           N,         _,                  _),
        (P,                T.UNKNOWN,           D,         S.QUERY,            _),
        (P,                T.UNCLEAR,           D,         S.QUERY,            _),
        (P,                T.OVERDUE,           D,         S.QUERY,            _),
        (N,                T.SUCCEEDED,         DONE,      _,                  "refund.completed"),
        (N,                T.DECLINED,          FAILED,    _,                  "refund.failed"),
        (N,                T.REVERSED,          FAILED,    _,                  "refund.failed"),
        (N,                T.UNCLEAR,           D,         S.QUERY,            _),
        (N,                T.OVERDUE,           N,         S.QUERY,            _),
        (N,                T.DECIDED_COMPLETED, DONE,      _,                  "refund.completed"),
        (N,                T.DECIDED_FAILED,    FAILED,    _,                  "refund.failed"),
        (D,                T.SUCCEEDED,         DONE,      _,                  "refund.completed"),
        (D,                T.DECLINED,          FAILED,    _,                  "refund.failed"),
        (D,                T.REVERSED,          FAILED,    _,                  "refund.failed"),
        (D,                T.CANCELED,          FAILED,    _,                  "refund.failed"),
        (D,                T.PAYMENT_RETURNED,  D,         S.WITHDRAW,         _),
        (D,                T.PENDING,           N,         _,                  _),
        (D,                T.UNKNOWN,           D,         _,                  _),
        (D,                T.UNCLEAR,           D,         _,                  _),
        (D,                T.OVERDUE,           D,         S.QUERY,            _),
        (D,                T.DECIDED_COMPLETED, DONE,      _,                  "refund.completed"),
        (D,                T.DECIDED_FAILED,    FAILED,    _,                  "refund.failed"),
        (DONE,             T.DECLINED,          FAILED,    _,                  "refund.failed"),  # the bank gave it back
        (DONE,             T.REVERSED,          FAILED,    _,                  "refund.failed"),
        (FAILED,           T.SUCCEEDED,         DONE,      _,                  "refund.completed"),  # it was made after all
        (FAILED,           T.DECLINED,          FAILED,    _,                  _),  # as a person had decided, and why
        (FAILED,           T.REVERSED,          FAILED,    _,                  _),
    ),
    Subject.CAPTURE: (
        (I,                T.DISPATCHED,        P,         S.CAPTURE,          _),
        (I,                T.OVERDUE,           FAILED,    _,                  "capture.failed"),
        (P,                T.SUCCEEDED,         DONE,      _,                  _),
        (P,                T.DECLINED,          FAILED,    _,                  "capture.failed"),
        (P,                T.CANCELED,          FAILED,    _,                  "capture.failed"),
        (P,                T.PENDING,           N,         _,                  _),
        (P,                T.UNKNOWN,           D,         S.QUERY,            _),
        (P,                T.UNCLEAR,           D,         S.QUERY,            _),
        (P,                T.OVERDUE,           D,         S.QUERY,            _),
        (N,                T.SUCCEEDED,         DONE,      _,                  _),
        (N,                T.DECLINED,          FAILED,    _,                  "capture.failed"),
        (N,                T.CANCELED,          FAILED,    _,                  "capture.failed"),
        (N,                T.UNCLEAR,           D,         S.QUERY,            _),
        (N,                T.OVERDUE,           N,         S.QUERY,            _),
        (N,                T.DECIDED_COMPLETED, DONE,      _,                  _),
        (N,                T.DECIDED_FAILED,    FAILED,    _,                  "capture.failed"),
        (D,                T.SUCCEEDED,         DONE,      _,                  _),
        (D,                T.DECLINED,          FAILED,    _,                  "capture.failed"),
        (D,                T.CANCELED,          FAILED,    _,                  "capture.failed"),
        (D,                T.PENDING,           N,         _,                  _),
        (D,                T.UNKNOWN,           D,         _,                  _),
        (D,                T.UNCLEAR,           D,         _,                  _),
        (D,                T.OVERDUE,           D,         S.QUERY,            _),
        (D,                T.DECIDED_COMPLETED, DONE,      _,                  _),
        (D,                T.DECIDED_FAILED,    FAILED,    _,                  "capture.failed"),
        (FAILED,           T.SUCCEEDED,         DONE,      _,                  _),  # it was made after all, as the payment tells
    ),
    Subject.CANCEL: (
        (I,                T.DISPATCHED,        P,         S.CANCEL,           _),
        (I,                T.OVERDUE,           FAILED,    _,                  "cancel.failed"),
        (I,                T.DEFERRED,          W,         S.WITHDRAW,         _),
        (W,                T.DISPATCHED,        P,         S.CANCEL,           _),  # the charge exists: now it can be sent
        (W,                T.CANCELED,          DONE,      _,                  _),
        (W,                T.SUCCEEDED,         FAILED,    _,                  "cancel.failed"),  # too late: it is paid
        (W,                T.DECLINED,          FAILED,    _,                  "cancel.failed"),  # nothing to cancel
        (W,                T.OVERDUE,           W,         S.WITHDRAW,         _),
        (P,                T.CANCELED,          DONE,      _,                  _),
        (P,                T.SUCCEEDED,         FAILED,    _,                  "cancel.failed"),  # too late: it is paid
        (P,                T.DECLINED,          FAILED,    _,                  "cancel.failed"),
        (P,                T.AUTHORIZED,        FAILED,    _,                  "cancel.failed"),  # refused: the charge still exists
        (P,                T.ACTION_REQUIRED,   FAILED,    _,                  "cancel.failed"),
        (P,                T.PENDING,           N,         _,                  _),
        (P,                T.UNKNOWN,           D,         S.QUERY,            _),
        (P,                T.UNCLEAR,           D,         S.QUERY,            _),
        (P,                T.OVERDUE,           D,         S.QUERY,            _),
        (N,                T.CANCELED,          DONE,      _,                  _),
        (N,                T.SUCCEEDED,         FAILED,    _,                  "cancel.failed"),  # too late: it is paid
        (N,                T.DECLINED,          FAILED,    _,                  "cancel.failed"),
        (N,                T.AUTHORIZED,        FAILED,    _,                  "cancel.failed"),  # refused: the charge still exists
        (N,                T.ACTION_REQUIRED,   FAILED,    _,                  "cancel.failed"),
        (N,                T.UNCLEAR,           D,         S.QUERY,            _),
        (N,                T.OVERDUE,           N,         S.QUERY,            _),
        (N,                T.DECIDED_COMPLETED, DONE,      _,                  _),
        (N,                T.DECIDED_FAILED,    FAILED,    _,                  "cancel.failed"),
        (D,                T.CANCELED,          DONE,      _,                  _),
        (D,                T.SUCCEEDED,         FAILED,    _,                  "cancel.failed"),  # too late: it is paid
        (D,                T.DECLINED,          FAILED,    _,                  "cancel.failed"),
        (D,                T.AUTHORIZED,        FAILED,    _,                  "cancel.failed"),  # refused: the charge still exists
        (D,                T.ACTION_REQUIRED,   FAILED,    _,                  "cancel.failed"),
        (D,                T.PENDING,           N,         _,                  _),
        (D,                T.UNKNOWN,           D,         _,                  _),
        (D,                T.UNCLEAR,           D,         _,                  _),
        (D,                T.OVERDUE,           D,         S.QUERY,            _),
        (D,                T.DECIDED_COMPLETED, DONE,      _,                  _),
        (D,                T.DECIDED_FAILED,    FAILED,    _,                  "cancel.failed"),
    ),
    Subject.RETURN_REQUEST: (
        (I,                T.DISPATCHED,        P,         S.RETURN_REQUEST,   _),
        (I,                T.OVERDUE,           FAILED,    _,                  "return_request.failed"),
        (P,                T.SUCCEEDED,         DONE,      _,                  "return_request.completed"),
        (P,                T.DECLINED,          FAILED,    _,                  "return_request.failed"),
        (P,                T.PENDING,           N,         _,                  _),
        (P,                T.UNKNOWN,           D,         S.QUERY,            _),
        (P,                T.UNCLEAR,           D,         S.QUERY,            _),
        (P,                T.OVERDUE,           D,         S.QUERY,            _),
        (N,                T.SUCCEEDED,         DONE,      _,                  "return_request.completed"),
        (N,                T.DECLINED,          FAILED,    _,                  "return_request.failed"),
        (N,                T.UNCLEAR,           D,         S.QUERY,            _),
        (N,                T.OVERDUE,           N,         S.QUERY,            _),
        (N,                T.DECIDED_COMPLETED, DONE,      _,                  "return_request.completed"),
        (N,                T.DECIDED_FAILED,    FAILED,    _,                  "return_request.failed"),
        (D,                T.SUCCEEDED,         DONE,      _,                  "return_request.completed"),
        (D,                T.DECLINED,          FAILED,    _,                  "return_request.failed"),
        (D,                T.PENDING,           N,         _,                  _),
        (D,                T.UNKNOWN,           D,         _,                  _),
        (D,                T.UNCLEAR,           D,         _,                  _),
        (D,                T.OVERDUE,           D,         S.QUERY,            _),
        (D,                T.DECIDED_COMPLETED, DONE,      _,                  "return_request.completed"),
        (D,                T.DECIDED_FAILED,    FAILED,    _,                  "return_request.failed"),
        (FAILED,           T.SUCCEEDED,         DONE,      _,                  "return_request.completed"),  # given back after all
    ),
    Subject.DISPUTE: (
        (I,                T.OPENED,            N,         _,                  "dispute.opened"),
        (N,                T.DISPUTED,          N,         _,                  "dispute.updated"),
        (N,                T.WON,               WON,       _,                  "dispute.won"),
        (N,                T.LOST,              LOST,      _,                  "dispute.lost"),
        (N,                T.OVERDUE,           N,         S.QUERY,            _),
        (N,                T.DECIDED_COMPLETED, LOST,      _,                  "dispute.lost"),  # the customer has the money
        (N,                T.DECIDED_FAILED,    WON,       _,                  "dispute.won"),
        (WON,              T.WON,               WON,       _,                  "dispute.updated"),  # the money is back, say
        (WON,              T.LOST,              LOST,      _,                  "dispute.lost"),  # decided anew
        (WON,              T.DISPUTED,          N,         _,                  "dispute.updated"),  # taken up again
        (LOST,             T.LOST,              LOST,      _,                  "dispute.updated"),
        (LOST,             T.WON,               WON,       _,                  "dispute.won"),
        (LOST,             T.DISPUTED,          N,         _,                  "dispute.updated"),
    ),
    Subject.SETUP: SETUP,
    Subject.FRAUD_WARNING: (
        (I,                T.OPENED,            DONE,      _,                  "payment.fraud_warning"),
    ),
    Subject.DETACH: (
        (I,                T.DISPATCHED,        P,         S.DETACH,           _),
        (I,                T.OPENED,            DONE,      _,                  "payment_method.detached"),  # at the provider itself
        (I,                T.OVERDUE,           FAILED,    _,                  "payment_method.detach_failed"),
        (P,                T.DETACHED,          DONE,      _,                  "payment_method.detached"),
        (P,                T.DECLINED,          FAILED,    _,                  "payment_method.detach_failed"),
        (P,                T.PENDING,           N,         _,                  _),
        (P,                T.UNKNOWN,           D,         S.QUERY,            _),
        (P,                T.UNCLEAR,           D,         S.QUERY,            _),
        (P,                T.OVERDUE,           D,         S.QUERY,            _),
        (N,                T.DETACHED,          DONE,      _,                  "payment_method.detached"),
        (N,                T.DECLINED,          FAILED,    _,                  "payment_method.detach_failed"),
        (N,                T.UNCLEAR,           D,         S.QUERY,            _),
        (N,                T.OVERDUE,           N,         S.QUERY,            _),
        (N,                T.DECIDED_COMPLETED, DONE,      _,                  "payment_method.detached"),
        (N,                T.DECIDED_FAILED,    FAILED,    _,                  "payment_method.detach_failed"),
        (D,                T.DETACHED,          DONE,      _,                  "payment_method.detached"),
        (D,                T.DECLINED,          FAILED,    _,                  "payment_method.detach_failed"),
        (D,                T.PENDING,           N,         _,                  _),
        (D,                T.UNKNOWN,           D,         _,                  _),
        (D,                T.UNCLEAR,           D,         _,                  _),
        (D,                T.OVERDUE,           D,         S.QUERY,            _),
        (D,                T.DECIDED_COMPLETED, DONE,      _,                  "payment_method.detached"),
        (D,                T.DECIDED_FAILED,    FAILED,    _,                  "payment_method.detach_failed"),
        (FAILED,           T.DETACHED,          DONE,      _,                  "payment_method.detached"),  # after all
    ),
}
# fmt: on

TRANSITIONS: tuple[Transition, ...] = tuple(
    Transition(subject, *cells) for subject, rows in _TABLE.items() for cells in rows
)
TABLE: dict[tuple[Subject, State, Trigger], Transition] = {
    (one.subject, one.state, one.trigger): one for one in TRANSITIONS
}
DECIDED: frozenset[State] = frozenset(
    {State.COMPLETED, State.RETURNED, State.FAILED, State.CANCELED, State.WON, State.LOST}
)
"""States in which nothing is waited for."""

OF_THE_CHARGE: frozenset[Subject] = frozenset({Subject.CAPTURE, Subject.CANCEL})
"""What changes a charge, so that its answer is the charge's, too."""

DECISIONS: frozenset[Trigger] = frozenset({Trigger.DECIDED_COMPLETED, Trigger.DECIDED_FAILED})
"""What only a person brings about."""

FINAL_TRIGGERS: frozenset[Trigger] = frozenset({Trigger.SUCCEEDED, Trigger.SAVED, Trigger.DECLINED, Trigger.CANCELED})
"""Outcomes by which the provider has decided."""

_TRUE_IN_ANY_ORDER = frozenset(
    {
        # Outcomes that are all true even if they arrive in another order than they happened in: a charge that failed and
        # was canceled afterwards took no money, whichever is received first. Whether money moved is judged on the payment.
        (Subject.PAYMENT, State.FAILED, Trigger.CANCELED),
        (Subject.PAYMENT, State.RETURNED, Trigger.SUCCEEDED),
        (Subject.PAYMENT, State.CANCELED, Trigger.DECLINED),
        (Subject.SETUP, State.FAILED, Trigger.CANCELED),
        (Subject.SETUP, State.CANCELED, Trigger.DECLINED),
        (Subject.CANCEL, State.FAILED, Trigger.CANCELED),
        (Subject.CANCEL, State.COMPLETED, Trigger.DECLINED),
        (Subject.DETACH, State.COMPLETED, Trigger.DECLINED),  # somebody else has detached it
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
