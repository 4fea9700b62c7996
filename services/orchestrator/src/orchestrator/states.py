"""What has states, what these are called, what happens, and what is sent: the words of the state table."""

from enum import StrEnum


class State(StrEnum):
    """The state of a payment or an operation. `IN_DOUBT`: sent, and no answer that we understand.

    `PENDING`: the provider has it and works on it, which is no doubt. `RETURNED`: the money had come, and went back.
    `WON`, `LOST`: of a dispute, by the merchant; while it is open it is `PENDING`.
    `WAITING`: a cancel that cannot be carried out yet, because the provider has not reported the state of the charge; or a
    refund, because the provider has not named the charge.
    """

    INITIATED = "initiated"
    WAITING = "waiting"
    PROCESSING = "processing"
    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    AUTHORIZED = "authorized"
    IN_DOUBT = "in_doubt"
    COMPLETED = "completed"
    RETURNED = "returned"
    FAILED = "failed"
    CANCELED = "canceled"
    WON = "won"
    LOST = "lost"


class Trigger(StrEnum):
    """What happens to it: our own action, a provider's outcome, a deadline, or the end of the intent (`EXPIRED`).

    `CAPTURED`: a part of what is held, and the rest is still held. `RELEASED`: that rest is not held any more.
    `DEFERRED`: a cancel or refund is begun that must wait. `NAMED`: the provider has told its id of a charge that has ended.
    `BEGUN`: pending, and the provider works on what it had only taken before.
    `SAVED`: the provider keeps the payment's method for later ones; of a setup its end. `METHOD_CHANGED`: what everybody may see of
    it is another now, as a network has replaced the card. `DETACHED`: the provider keeps it no more.
    `PAYMENT_RETURNED`: the money went back that a refund is of. `OPENED`: somebody began a refund at the provider itself, disputes the
    payment, warns of fraud, or detached its method there. `DISPUTED`: the dispute is open, and stands otherwise than before. `WON`, `LOST`: it was decided.
    `RECEIVED`: money came to an account without a payment of ours. `UNCLEAR`: the provider has told its last word, and we do not
    understand it, or it does not fit what was ordered. `DECIDED_...`: a person has decided.
    """

    DISPATCHED = "dispatched"
    DEFERRED = "deferred"
    OPENED = "opened"
    RECEIVED = "received"
    UNROUTABLE = "unroutable"
    SUCCEEDED = "succeeded"
    AUTHORIZED = "authorized"
    DECLINED = "declined"
    CANCELED = "canceled"
    PENDING = "pending"
    BEGUN = "begun"
    SAVED = "saved"
    METHOD_CHANGED = "method_changed"
    DETACHED = "detached"
    APPROVED = "approved"
    CAPTURED = "captured"
    RELEASED = "released"
    REVERSED = "reversed"
    NAMED = "named"
    PAYMENT_RETURNED = "payment_returned"
    ACTION_REQUIRED = "action_required"
    DISPUTED = "disputed"
    WON = "won"
    LOST = "lost"
    UNKNOWN = "unknown"
    UNCLEAR = "unclear"
    OVERDUE = "overdue"
    EXPIRED = "expired"
    DECIDED_COMPLETED = "decided_completed"
    DECIDED_FAILED = "decided_failed"


class Send(StrEnum):
    """What a transition sends to the provider. `WITHDRAW` stops what was never sent, and nothing else."""

    CHARGE = "charge"
    SETUP = "setup"
    CONFIRM = "confirm"
    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"
    RETURN_REQUEST = "return_request"
    DETACH = "detach"
    QUERY = "query"
    WITHDRAW = "withdraw"


class Subject(StrEnum):
    """What has states. A `SETUP` keeps a method without a payment, in a payment's place: it has steps, events and a cancel as that."""

    PAYMENT = "payment"
    SETUP = "setup"
    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"
    RETURN_REQUEST = "return_request"
    DISPUTE = "dispute"
    FRAUD_WARNING = "fraud_warning"
    DETACH = "detach"
