"""What the orchestrator does with each message: decides, and leaves the consequences to the state table."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Histogram

from malipo import ids
from malipo.contracts.commands import (
    CancelPayment,
    CapturePayment,
    CreatePayment,
    DetachMethod,
    PaymentMethod,
    RefundPayment,
    RequestReturn,
    SaveMethod,
)
from malipo.contracts.events import CommandRefused, PaymentTransitioned
from malipo.contracts.message import Message
from malipo.contracts.methods import SAVED
from malipo.contracts.outcomes import (
    AttemptPostponed,
    OperationOpened,
    OutcomeReported,
    PaymentReceived,
    PersonalKeyDestroyed,
    Succeeded,
    UnmatchedReported,
)
from malipo.contracts.providers import initiates, life_of
from malipo.contracts.topics import PAYMENT_EVENTS, PROVIDER_COMMANDS
from malipo.messaging.subscription import Received
from malipo.messaging.unit_of_work import UnitOfWork
from malipo.platform import logs
from malipo.platform.logs import log
from malipo.platform.tracing import CLIENT_REF, TRACEPARENT, span
from orchestrator import store, suspense
from orchestrator.advance import Fold
from orchestrator.machine import Ignored
from orchestrator.payment import Payment
from orchestrator.receipts import Claim, Receipts
from orchestrator.requests import Refused, begin
from orchestrator.resending import Resend, operation_of
from orchestrator.routing import route
from orchestrator.saved import saved_before
from orchestrator.saved_methods import SavedMethods
from orchestrator.setups import new_setup, route_setup
from orchestrator.states import State, Subject
from orchestrator.store import Published

STATUS = Counter(
    "payment_status",
    "Payments that entered a state, `initiated` or another from that one, by the names of docs/payment-states.md.",
    ("status",),
)
for _state in State:
    STATUS.labels(_state)  # so that zeros are shown
DOUBT_SECONDS = Histogram(
    "malipo_doubt_seconds",
    "Time for which a payment or operation was in doubt, observed when the doubt ends.",
    ("subject",),
    buckets=(0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 6 * 3600, 24 * 3600),
)
IGNORED = Counter(
    "malipo_outcomes_ignored",
    "Outcomes that changed nothing, by why: `repeat`, `late`, `contradiction` (alert on any).",
    ("reason",),
)
for _reason in Ignored:  # an alert on the first contradiction needs a zero before it
    IGNORED.labels(_reason)

_COMPONENT = "PaymentOrchestrator"


class UnknownPayment(LookupError):
    """A message about a payment that was never created here."""


class UnknownMethod(LookupError):
    """A payment of before a restore, with a saved method that is not known again yet."""


def concerns_a_payment(message: Message) -> bool:
    """Whether it can change a payment, or what is in suspense. A postponed attempt does not: the payment's deadline keeps
    running. Nor does the end of a key to personal data.
    """
    return not isinstance(message, AttemptPostponed | PersonalKeyDestroyed)


async def handle_batch(
    unit: UnitOfWork, batch: Sequence[Received[Message]], restored_at: datetime | None = None
) -> None:
    """Fold a batch of commands and outcomes into their payments, each payment's in order.

    A command that came before under another message id is answered with what was published then. Money that nothing
    explains is kept in suspense.

    What was requested before `restored_at` may have been granted, and carried out, and forgotten with the database: none of it
    is refused, or too late. A command that would be refused raises `Refused`, and comes again as a dead letter.
    """
    unmatched = [received.message for received in batch if isinstance(received.message, UnmatchedReported)]
    for suspense_id in await suspense.keep(unit, unmatched):
        unit.after_commit(partial(_report_other_money, suspense_id=suspense_id))
    about_payments = [received for received in batch if not isinstance(received.message, UnmatchedReported)]
    if about_payments:
        await _handle(unit, about_payments, restored_at)


async def _handle(unit: UnitOfWork, batch: Sequence[Received[Message]], restored_at: datetime | None) -> None:
    payments, now = await store.read(unit.reads, {received.key for received in batch})
    messages = [received.message for received in batch]
    resend = await Resend.of(unit.reads, messages)
    receipts = await Receipts.of(unit.reads, messages, payments)
    methods = await SavedMethods.of(unit.reads, messages)
    new = set[str]()
    written: list[Published] = []
    for received in batch:
        payment = payments.get(received.key)
        foreign = receipts.of_another(received.message, payments, received.key)
        if payment is None and foreign:  # the money of a charge, or assigned: reported in another way, too
            unit.after_commit(partial(_report_repeated, foreign, received.message))
            continue
        if payment is None:
            forgotten = _may_be_forgotten(received, restored_at)
            payment = payments[received.key] = _begun(received, methods, now, forgotten=forgotten)
            new.add(payment.id)
        elif resend.answers(payment, received.message):
            continue
        published = _fold(unit, payment, received, now, foreign=foreign is not None, restored_at=restored_at)
        receipts.claim(received.message, payments, payment)
        resend.refused |= {one.message.operation_id for one in published if isinstance(one.message, CommandRefused)}
        written += published
    store.save(unit, payments, new, written)
    receipts.save(unit)
    resend.send(unit)


def _begun(received: Received[Message], methods: SavedMethods, now: datetime, *, forgotten: bool) -> Payment:
    """The payment that a message begins. Raises `UnknownPayment` for one that begins none."""
    match received.message:
        case CreatePayment() as command:
            return new_payment(methods.completed(command, forgotten=forgotten), received.headers, now)
        case SaveMethod() as command:
            return new_setup(command, received.headers, now)
        case PaymentReceived() as report:
            return received_payment(report, received.headers, now)
        case _:
            raise UnknownPayment(received.key)


async def fire_timers(unit: UnitOfWork, payment_ids: Sequence[str], restored_at: datetime | None = None) -> None:
    """Fire the deadlines of these payments that have passed. None ends what a customer may have agreed to before `restored_at`."""
    due = await store.read_due(unit.reads, payment_ids)
    written: list[Published] = []
    for payment, subject_ids, now in due:
        fold = Fold(payment, now, "deadline", f"deadline:{payment.id}", restored_at=restored_at)
        caused_by = context_of(payment.traceparent, payment.client_ref)
        with span("orchestrator deadline", payment.id, caused_by, SpanKind.INTERNAL, component=_COMPONENT) as headers:
            for subject_id in subject_ids:
                fold.overdue(subject_id)
            written += _send(unit, fold, headers)
    store.save(unit, {payment.id: payment for payment, *_ in due}, set(), written)


def publish(unit: UnitOfWork, fold: Fold) -> None:
    """Send and save what a fold that no message has caused did to its payment, in the trace of the payment's creation."""
    payment = fold.payment
    written = _send(unit, fold, context_of(payment.traceparent, payment.client_ref))
    store.save(unit, {payment.id: payment}, set(), written)


def context_of(traceparent: str | None, client_ref: str | None) -> dict[str, str]:
    """The headers of what no message has caused: those of the request that created the payment."""
    known = {TRACEPARENT: traceparent, CLIENT_REF: client_ref}
    return {name: value for name, value in known.items() if value}


def _fold(
    unit: UnitOfWork,
    payment: Payment,
    received: Received[Message],
    now: datetime,
    *,
    foreign: bool,
    restored_at: datetime | None,
) -> list[Published]:
    message = received.message
    fold = Fold(payment, now, "merchant", received.message_id, restored_at=restored_at)
    if isinstance(message, OutcomeReported | OperationOpened | PaymentReceived):
        fold.source, fold.observed_at = message.source, message.observed_at
    name = f"orchestrator {type(message).__name__}"
    with span(name, payment.id, received.headers, SpanKind.CONSUMER, component=_COMPONENT) as headers:
        if foreign and isinstance(message, OutcomeReported):
            fold.deny(message)
        else:
            _decide_or_refuse(fold, message, forgotten=_may_be_forgotten(received, restored_at))
        return _send(unit, fold, headers)


def _may_be_forgotten(received: Received[Message], restored_at: datetime | None) -> bool:
    return restored_at is not None and ids.made_at(operation_of(received.message) or received.key) < restored_at


def _decide_or_refuse(fold: Fold, message: Message, *, forgotten: bool = False) -> None:
    try:
        _decide(fold, message, forgotten=forgotten)
    except Refused as refused:
        if forgotten:
            raise
        fold.messages.append(
            CommandRefused(
                payment_id=fold.payment.id,
                merchant_id=fold.payment.merchant_id,
                operation_id=refused.operation_id,
                command_id=fold.message_id,
                code=refused.code,
                detail=refused.detail,
                occurred_at=fold.now,
            )
        )


def _decide(fold: Fold, message: Message, *, forgotten: bool = False) -> None:
    match message:
        case CreatePayment():
            _create(fold, message, forgotten=forgotten)
        case SaveMethod():
            _start(fold, route_setup(message), forgotten=forgotten)
        case CapturePayment() | CancelPayment() | RefundPayment() | RequestReturn() | DetachMethod():
            begin(fold, message)
        case OutcomeReported():
            fold.apply_outcome(message)
        case OperationOpened():
            fold.open(message)
        case PaymentReceived():
            fold.receive(Succeeded(amount=message.amount, reference=message.reference))
        case _:
            raise TypeError(type(message).__name__)


def _create(fold: Fold, command: CreatePayment, *, forgotten: bool) -> None:
    if command.method.type == SAVED and fold.payment.method.saved is None:
        if forgotten:
            raise UnknownMethod(saved_before(command.method))
        fold.payment.provider = route(command)
        fold.refuse_route("method_unavailable", "")
    else:
        _start(fold, route(command), forgotten=forgotten)


def _start(fold: Fold, provider: str | None, *, forgotten: bool) -> None:
    """Of what may be forgotten its provider's service knows what may still be done."""
    fold.payment.provider = provider
    if provider is None:
        fold.refuse_route("provider_unsupported", "No provider takes this method and currency.")
    elif fold.now >= fold.payment.expires_at and not forgotten:
        fold.expire()
    else:
        fold.dispatch()


def _send(unit: UnitOfWork, fold: Fold, headers: Mapping[str, str]) -> list[Published]:
    """Send the fold's messages; returns those that are published, to be kept."""
    payment = fold.payment
    carried = dict(headers) | ({CLIENT_REF: payment.client_ref} if payment.client_ref else {})
    published: list[Published] = []
    for message in fold.messages:
        if isinstance(message, PaymentTransitioned | CommandRefused):
            message_id = unit.send(PAYMENT_EVENTS, payment.id, message, headers=carried)
            published.append(Published(message, message_id, carried.get(TRACEPARENT)))
        else:
            unit.send(PROVIDER_COMMANDS[payment.provider or ""], payment.id, message, headers=carried)
    transitions = [message for message in fold.messages if isinstance(message, PaymentTransitioned)]
    unit.after_commit(partial(_report, fold, transitions, carried))
    return published


def _report_repeated(claim: Claim, message: Message) -> None:
    """Count a report of money that a payment has: of another amount it contradicts what was reported before."""
    if isinstance(message, PaymentReceived) and message.amount != claim.amount:
        return _report_other_money(payment_id=claim.payment_id)
    return IGNORED.labels(Ignored.REPEAT).inc()


def _report_other_money(**about: str) -> None:
    IGNORED.labels(Ignored.CONTRADICTION).inc()
    log.error("provider contradicts itself", **about)


def _report(fold: Fold, transitions: Sequence[PaymentTransitioned], headers: Mapping[str, str]) -> None:
    for reason in fold.ignored:
        IGNORED.labels(reason).inc()
    for subject, time in fold.doubts_ended:
        DOUBT_SECONDS.labels(subject).observe(time.total_seconds())
    bound = log.bind(**logs.facts(fold.payment.id, headers))
    of_payment = fold.payment.subject is Subject.PAYMENT
    for transition in transitions:
        if transition.step == 1 and of_payment:  # the first one leaves the state that it began in
            STATUS.labels(transition.from_state).inc()
        if transition.contradiction:
            bound.error("provider contradicts itself", state=transition.to_state, trigger=transition.cause.trigger)
        elif transition.operation is None:
            if transition.to_state != transition.from_state and of_payment:
                STATUS.labels(transition.to_state).inc()
            bound.info(
                "payment transitioned",
                before=transition.from_state,
                after=transition.to_state,
                trigger=transition.cause.trigger,
            )


def new_payment(command: CreatePayment, headers: Mapping[str, str], now: datetime) -> Payment:
    """A payment is as old as its id, which the gateway made. Without `expires_at` it gets the lifetime of its method."""
    return Payment(
        id=command.payment_id,
        merchant_id=command.merchant_id,
        mode=command.mode,
        amount=command.amount,
        method=command.method,
        capture=command.capture,
        config_version=command.config_version,
        account=command.account,
        late_payments=command.late_payments,
        customer_ref=command.customer_ref,
        client_ref=command.client_ref,
        description=command.description,
        metadata=command.metadata,
        return_url=command.return_url,
        cancel_url=command.cancel_url,
        remittance=command.remittance,
        statement_descriptor=command.statement_descriptor,
        save_method=command.save_method,
        begun=not initiates(command.method.type),
        traceparent=headers.get(TRACEPARENT),
        expires_at=command.expires_at or now + life_of(command.method.type),
        created_at=ids.made_at(command.payment_id),
        updated_at=now,
    )


def received_payment(report: PaymentReceived, headers: Mapping[str, str], now: datetime) -> Payment:
    """The payment that is money which came without one. It relies on no configuration, and nothing is sent for it."""
    return Payment(
        id=report.payment_id,
        merchant_id=report.merchant_id,
        mode=report.mode,
        amount=report.amount,
        method=PaymentMethod(type=report.method),
        capture="automatic",
        config_version=0,
        provider=report.provider,
        account=report.account,
        client_ref=report.account_reference,
        traceparent=headers.get(TRACEPARENT),
        expires_at=report.received_at,
        created_at=ids.made_at(report.payment_id),
        updated_at=now,
    )
