"""What merchants ask for with their commands: each begins an operation of the payment, or is refused. Pure."""

from malipo.contracts.commands import CancelPayment, CapturePayment, DetachMethod, RefundPayment, RequestReturn
from malipo.contracts.events import RefusalCode
from orchestrator.advance import Fold
from orchestrator.commands import can_cancel, new_operation
from orchestrator.disputes import why_not_refunded
from orchestrator.machine import DECIDED
from orchestrator.parts import takes_several_captures
from orchestrator.payment import Payment
from orchestrator.states import State, Subject
from orchestrator.views import advice, why_not_asked_back

_UNNAMED = (
    "The provider has not named the payment yet. Do this again, with a new key, when it has a provider_reference."
)
_ASKED_ALREADY = "The recipient's bank has been asked already: wait for its answer; GET the payment."
_NOTHING_TO_DETACH = "It is detached already, or is being detached: GET the saved method."
_ONE_CAPTURE = "Its provider does one capture of a payment, and releases the rest: leave `final` out."


class Refused(Exception):
    """A command that is not carried out. An answer, not an error."""

    def __init__(self, operation_id: str, code: RefusalCode, detail: str) -> None:
        super().__init__(code)
        self.operation_id = operation_id
        self.code = code
        self.detail = detail


def begin(fold: Fold, command: CapturePayment | CancelPayment | RefundPayment | RequestReturn | DetachMethod) -> None:
    """Begin what the merchant asks for. Raises `Refused`."""
    match command:
        case CapturePayment():
            _capture(fold, command)
        case CancelPayment():
            _cancel(fold, command)
        case RefundPayment():
            _refund(fold, command)
        case RequestReturn():
            _request_return(fold, command)
        case DetachMethod():
            _detach(fold, command)


def _capture(fold: Fold, command: CapturePayment) -> None:
    payment = fold.payment
    _require(payment, {State.AUTHORIZED}, command.capture_id, "payment_not_capturable")
    if payment.reference is None:
        raise Refused(command.capture_id, "payment_not_capturable", _UNNAMED)
    _require_nothing_under_way(payment, command.capture_id)
    left_minor = payment.capturable_minor
    amount_minor = left_minor if command.amount_minor is None else command.amount_minor
    if not 0 < amount_minor <= left_minor:
        detail = f"{left_minor} of {payment.amount} can be captured."
        raise Refused(command.capture_id, "capture_exceeds_authorized", detail)
    if not command.final and not takes_several_captures(payment):
        raise Refused(command.capture_id, "payment_not_capturable", _ONE_CAPTURE)
    capture = new_operation(payment, Subject.CAPTURE, command.capture_id, fold.now, amount_minor=amount_minor)
    capture.final = command.final or amount_minor == left_minor
    fold.start(capture)


def _cancel(fold: Fold, command: CancelPayment) -> None:
    payment = fold.payment
    if payment.state in DECIDED:
        raise _refused(payment, command.cancel_id, "payment_not_cancelable")
    _require_nothing_under_way(payment, command.cancel_id)
    operation = new_operation(payment, Subject.CANCEL, command.cancel_id, fold.now)
    if payment.cancelable:
        fold.start(operation)
    else:
        fold.defer(operation)


def _refund(fold: Fold, command: RefundPayment) -> None:
    payment = fold.payment
    _require(payment, {State.COMPLETED}, command.refund_id, "payment_not_refundable")
    open_disputes = [one.dispute for one in payment.live(Subject.DISPUTE) if one.dispute]
    if open_disputes and not command.despite_dispute:
        worst = max(open_disputes, key=lambda one: one.withdrawn)  # an inquiry has taken nothing yet
        raise Refused(command.refund_id, "payment_disputed", why_not_refunded(payment, worst))
    left_minor = payment.refundable_minor
    amount_minor = left_minor if command.amount_minor is None else command.amount_minor
    if not 0 < amount_minor <= left_minor:
        detail = f"{left_minor} of {payment.captured_minor} (minor units of {payment.amount.currency}) can be refunded."
        detail += f" Lost disputes have taken {payment.lost_minor}." if payment.lost_minor else ""
        raise Refused(command.refund_id, "refund_exceeds_captured", detail)
    fold.give_back(
        new_operation(
            payment,
            Subject.REFUND,
            command.refund_id,
            fold.now,
            amount_minor=amount_minor,
            reason=command.reason,
        )
    )


def _request_return(fold: Fold, command: RequestReturn) -> None:
    payment, request_id = fold.payment, command.return_request_id
    if payment.live(Subject.RETURN_REQUEST):
        raise Refused(request_id, "return_request_in_progress", _ASKED_ALREADY)
    if why := why_not_asked_back(payment):
        raise Refused(request_id, "return_request_impossible", why)
    amount_minor = payment.captured_minor
    request = new_operation(
        payment, Subject.RETURN_REQUEST, request_id, fold.now, amount_minor=amount_minor, reason=command.reason
    )
    fold.start(request)


def _detach(fold: Fold, command: DetachMethod) -> None:
    payment, known = fold.payment, fold.payment.detach
    if payment.saved is None or (known is not None and known.state is not State.FAILED):
        raise Refused(command.detach_id, "payment_method_detached", _NOTHING_TO_DETACH)
    fold.start(new_operation(payment, Subject.DETACH, command.detach_id, fold.now, amount_minor=0))


def _require(payment: Payment, states: set[State], operation_id: str, code: RefusalCode) -> None:
    """Refuse unless the payment is in one of these states."""
    if payment.state not in states:
        raise _refused(payment, operation_id, code)


def _refused(payment: Payment, operation_id: str, code: RefusalCode) -> Refused:
    return Refused(operation_id, code, advice(code, payment, has_cancel=can_cancel(payment)))


def _require_nothing_under_way(payment: Payment, operation_id: str) -> None:
    """Refuse a capture or cancel beside another one: which of them comes first would be undefined."""
    if payment.live(Subject.CAPTURE):
        raise Refused(operation_id, "capture_in_progress", "A capture is under way.")
    if payment.live(Subject.CANCEL):
        raise Refused(operation_id, "cancel_in_progress", "A cancel is under way.")
