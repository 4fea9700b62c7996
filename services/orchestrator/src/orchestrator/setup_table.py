"""The states of a method that is saved without a payment: its part of the state table."""

from orchestrator.states import Send, State, Trigger

I, P, A, D, N = State.INITIATED, State.PROCESSING, State.REQUIRES_ACTION, State.IN_DOUBT, State.PENDING
DONE, FAILED, OVER = State.COMPLETED, State.FAILED, State.CANCELED
T, S = Trigger, Send
_ = None

# fmt: off
SETUP = (
    # in this state    when this happens    go there   send the provider   publish
    (I,                T.DISPATCHED,        P,         S.SETUP,            _),
    (I,                T.UNROUTABLE,        FAILED,    _,                  "payment_method.failed"),
    (I,                T.OVERDUE,           FAILED,    _,                  "payment_method.failed"),
    (I,                T.EXPIRED,           OVER,      _,                  "payment_method.expired"),  # it came too late
    (P,                T.SAVED,             DONE,      _,                  "payment_method.saved"),
    (P,                T.DECLINED,          FAILED,    _,                  "payment_method.failed"),
    (P,                T.CANCELED,          OVER,      _,                  "payment_method.expired"),
    (P,                T.PENDING,           N,         _,                  _),
    (P,                T.ACTION_REQUIRED,   A,         _,                  "payment_method.requires_action"),
    (P,                T.UNKNOWN,           D,         S.QUERY,            _),
    (P,                T.UNCLEAR,           D,         S.QUERY,            _),
    (P,                T.OVERDUE,           D,         S.QUERY,            _),
    (N,                T.SAVED,             DONE,      _,                  "payment_method.saved"),
    (N,                T.DECLINED,          FAILED,    _,                  "payment_method.failed"),
    (N,                T.CANCELED,          OVER,      _,                  "payment_method.expired"),
    (N,                T.ACTION_REQUIRED,   A,         _,                  "payment_method.requires_action"),
    (N,                T.UNCLEAR,           D,         S.QUERY,            _),
    (N,                T.OVERDUE,           N,         S.QUERY,            _),
    (N,                T.DECIDED_FAILED,    FAILED,    _,                  "payment_method.failed"),
    (A,                T.SAVED,             DONE,      _,                  "payment_method.saved"),
    (A,                T.DECLINED,          FAILED,    _,                  "payment_method.failed"),
    (A,                T.CANCELED,          OVER,      _,                  "payment_method.expired"),
    (A,                T.PENDING,           N,         _,                  _),
    (A,                T.ACTION_REQUIRED,   A,         _,                  _),
    (A,                T.UNKNOWN,           D,         S.QUERY,            _),
    (A,                T.UNCLEAR,           D,         S.QUERY,            _),
    (A,                T.OVERDUE,           A,         S.QUERY,            _),  # did we miss what the customer did?
    (A,                T.EXPIRED,           A,         S.CANCEL,           _),  # the customer has not come back
    (D,                T.SAVED,             DONE,      _,                  "payment_method.saved"),
    (D,                T.DECLINED,          FAILED,    _,                  "payment_method.failed"),
    (D,                T.CANCELED,          OVER,      _,                  "payment_method.expired"),
    (D,                T.PENDING,           N,         _,                  _),
    (D,                T.ACTION_REQUIRED,   A,         _,                  "payment_method.requires_action"),
    (D,                T.UNKNOWN,           D,         _,                  _),
    (D,                T.UNCLEAR,           D,         _,                  _),
    (D,                T.OVERDUE,           D,         S.QUERY,            _),
    (D,                T.DECIDED_FAILED,    FAILED,    _,                  "payment_method.failed"),
    (DONE,             T.METHOD_CHANGED,    DONE,      _,                  "payment_method.updated"),
    (FAILED,           T.SAVED,             DONE,      _,                  "payment_method.saved"),  # it is kept after all
    (OVER,             T.SAVED,             DONE,      _,                  "payment_method.saved"),  # the customer was in time
)
# fmt: on
