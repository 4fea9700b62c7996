"""Explains in plain words and as data why a payment is where it is, what happens next, and what may safely be done. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import takewhile
from typing import Any, cast

import msgspec

from gateway.edge.fields import credentials_path
from gateway.history.instead import CHANGING, CORRECTED, DISPUTED, NOT_BEGUN, OTHER_ACTIONS, REFUNDED, TRANSFERRED
from gateway.history.setup_texts import SAVE_ADVICE, uncharged
from gateway.history.texts import EXPLANATIONS
from gateway.history.words import ACCEPTED, FINAL, MAY, REFUSED, Explanation
from malipo.contracts.commands import DEFAULT_ACCOUNT
from malipo.contracts.descriptor import ActionKind
from malipo.contracts.events import OperationView, PaymentMethodView, PaymentView
from malipo.contracts.failures import CREDENTIALS, OWN_FAILURES, RETRY_ADVICE, May
from malipo.contracts.outcomes import OtherAction
from malipo.contracts.providers import METHODS, PROVIDERS

Json = dict[str, Any]

_ENDED = frozenset({"completed", "returned", "failed", "canceled", "won", "lost"})
_TO_ANSWER = frozenset({"needs_response", "warning_needs_response"})
_BY_OTHERS = frozenset({"dispute", "fraud_warning"})
_WAITS = frozenset({"pending", "begun"})
_OF_MONEY = frozenset({"succeeded", "captured"})

_GOES_ON = "Malipo goes on by itself."
# For a newer orchestrator's reasons, which our texts do not know yet: true whatever led there, safe whatever comes.
_BY_STATE = {
    "initiated": Explanation("Malipo has accepted it for good.", _GOES_ON, ("wait", "repeat")),
    "waiting": Explanation("It waits for what it depends on.", _GOES_ON, ("wait", "repeat")),
    "processing": Explanation("It is under way and has not ended.", _GOES_ON, ("wait", "repeat")),
    "pending": Explanation("The provider has it and works on it.", _GOES_ON, ("wait", "repeat")),
    "requires_action": Explanation("The customer has to act first.", _GOES_ON, ("redirect", "wait", "repeat")),
    "authorized": Explanation("The provider holds the amount for you.", "It waits for you.", ("wait",)),
    "in_doubt": Explanation(
        "Malipo does not know yet what became of it, and does not guess.", _GOES_ON, ("wait", "repeat")
    ),
    "completed": Explanation("It has been carried out.", FINAL, ()),
    "returned": Explanation("The money was taken, and went back.", FINAL, ()),
    "failed": Explanation("It has failed. `reason` and `failure` say why.", FINAL, ()),
    "canceled": Explanation("It was canceled.", FINAL, ()),
    "won": Explanation("It was decided for you.", FINAL, ()),
    "lost": Explanation("It was decided against you.", FINAL, ()),
}
_POSSIBLE_IN: dict[May, frozenset[str]] = {
    "redirect": frozenset({"requires_action"}),
    "capture": frozenset({"authorized"}),
    "cancel": frozenset({"initiated", "processing", "requires_action", "authorized"}),
    "refund": frozenset({"completed"}),
    "request_return": frozenset({"completed"}),
    "pay_anew": frozenset({"returned", "failed", "canceled"}),
}
_UNKNOWN_STATE = Explanation(
    "It is in a state that there is no text for here yet.", "Its `status` shows how far it is.", ("repeat",)
)


@dataclass(frozen=True)
class _Stand:
    """Where a subject stands. `detail` is the reason's own code, such as that of a decline."""

    state: str
    reason: str
    since: object
    detail: str | None = None
    next_by: object = None

    @property
    def live(self) -> bool:
        return self.state not in _ENDED


@dataclass(frozen=True)
class _Subject:
    """The payment, one of its operations, or a method that is saved without one: as merchants see it, and the entries about it, the newest first."""

    about: str
    view: PaymentView | PaymentMethodView | OperationView
    entries: Sequence[Json]

    @property
    def steps(self) -> list[Json]:
        """The transitions, oldest first."""
        found = [entry for entry in self.entries if entry["kind"] == "step" and not entry["contradiction"]]
        return sorted(found, key=lambda step: step["step"])

    @property
    def denied(self) -> list[Json]:
        """Outcomes that cannot be true beside earlier ones: contradictions."""
        return [entry for entry in self.entries if entry["kind"] == "step" and entry["contradiction"]]

    @property
    def initiated(self) -> bool:
        """Whether it is a payment that its provider has not begun to work on."""
        return any(step["status"] == "initiated" for step in self.steps[-1:])

    @property
    def corrected(self) -> bool:
        """Whether it is a payment whose money has moved after its end, and nothing has happened to it since."""
        late = self.steps[-1] if self.steps else None
        if late is None or not late["event"] or late["event"]["type"] != "payment.corrected":
            return False
        return late["to_state"] == "completed" and late["trigger"] in _OF_MONEY

    @property
    def requested(self) -> bool:
        """Whether the merchant has sent a request for it."""
        return not isinstance(self.view, OperationView) or self.view.opened_by == "merchant"

    @property
    def told_reason(self) -> str | None:
        """Why the bank or the issuer has opened it, if it is a dispute or a warning."""
        return self.view.reason if isinstance(self.view, OperationView) and self.view.kind in _BY_OTHERS else None

    @cached_property
    def stand(self) -> _Stand:
        if steps := self.steps:
            return _stepped(steps)
        if refusal := self.first("refusal"):
            return _Stand("failed", REFUSED, refusal["at"], refusal["code"])
        request = self.first("request")
        return _Stand("initiated", ACCEPTED, request["at"] if request else self.view.created_at)

    def first(self, kind: str) -> Json | None:
        return next((entry for entry in self.entries if entry["kind"] == kind), None)


def explained(
    payment: PaymentView, operations: Sequence[OperationView], entries: Iterable[Json], now: datetime
) -> Json:
    """The payment, and each of its operations that has entries; `entries` come newest first."""
    by_operation: dict[str | None, list[Json]] = {None: []}
    for entry in entries:
        by_operation.setdefault(entry["operation_id"], []).append(entry)
    charge = _Subject("payment", payment, by_operation[None])
    known = [(view, _Subject(view.kind, view, by_operation[view.id])) for view in operations if view.id in by_operation]
    live = [(view, operation.stand) for view, operation in known if operation.stand.live]
    safe = _allowed(payment, operations, [view for view, _ in live], contradicted=bool(charge.denied))
    allowed: dict[May, str] = {code: _addressed(MAY[code], payment) for code in safe}
    subjects = (charge, *(operation for _, operation in known))
    return {
        "payment_id": payment.id,
        "status": charge.steps[-1]["status"] if charge.steps else payment.status,
        **_shown(charge, _of_payment(charge, payment, live), allowed, now),
        "contradictions": [_contradiction(entry) for subject in subjects for entry in subject.denied],
        "operations": [
            {"id": view.id, "kind": view.kind, "amount": view.amount, "currency": view.currency}
            | {"respond_by": view.respond_by, "withdrawn": view.withdrawn}
            | _shown(operation, _explanation(operation, payment), allowed, now)
            for view, operation in known
        ],
    }


def explained_setup(
    method: PaymentMethodView,
    detaches: Sequence[OperationView],
    entries: Sequence[Json],
    now: datetime,
    *,
    forbidden_by: str | None,
) -> Json:
    """A method that is saved without a payment, by how it was saved, or by its last detach; `entries` come newest first. All that
    its texts offer is safe. `forbidden_by` is the payment whose decline said never to charge it again.
    """
    setup = _Subject("setup", method, [entry for entry in entries if entry["operation_id"] is None])
    detach = detaches[-1] if detaches else None
    subject = setup if detach is None else _of_detach(detach, entries)
    texts = _explanation(subject, method)
    if isinstance(method.action, OtherAction) and "redirect" in texts.may:
        texts = texts._replace(may=tuple(code for code in texts.may if code != "redirect"))
    if "charge_method" in texts.may:
        texts = uncharged(method, forbidden_by) or texts
    allowed: dict[May, str] = {code: _addressed(MAY[code], method) for code in texts.may}
    steps = setup.steps if detach is None else []
    return {
        "payment_method_id": method.id,
        "status": steps[-1]["status"] if steps else method.status,
        **_shown(subject, texts, allowed, now),
        "contradictions": [
            _contradiction(entry) for entry in entries if entry["kind"] == "step" and entry["contradiction"]
        ],
    }


def _of_detach(detach: OperationView, entries: Iterable[Json]) -> _Subject:
    return _Subject("detach", detach, [entry for entry in entries if entry["operation_id"] == detach.id])


def _stepped(steps: Sequence[Json]) -> _Stand:
    """By the last transition; since the first of those that led to the same state without a break.

    What is pending is so for the reason that was told last: that Malipo has asked since takes none away.
    """
    last = steps[-1]
    stay = list(takewhile(lambda step: step["to_state"] == last["to_state"], reversed(steps)))
    told = [step for step in stay if step["trigger"] in _WAITS] if last["to_state"] == "pending" else [last]
    detail = told[0]["detail"] if told else None
    return _Stand(last["to_state"], last["trigger"], stay[-1]["at"], detail, last["deadline"])


def _explanation(subject: _Subject, payment: PaymentView | PaymentMethodView) -> Explanation:
    """By state and reason; of a decline with a code of Malipo's own, by the code; of a wait also by its provider's reason.

    What it advises is safe after a decline, and not if the provider has contradicted that since.
    """
    stand = subject.stand
    general = _BY_STATE.get(stand.state, _UNKNOWN_STATE)
    texts = EXPLANATIONS.get((subject.about, stand.state, stand.reason), general)
    if stand.state == "pending" and subject.initiated:
        texts = NOT_BEGUN
    if stand.state == "pending" and (waits_for := _waits(payment).get(stand.detail or "")):
        return texts._replace(why=f"{texts.why} {waits_for}")
    own = OWN_FAILURES.get(stand.detail or "") if stand.reason == "declined" else None
    advice = [] if subject.denied else [*([_addressed(own.advice, payment)] if own else []), *_of_the_next_try(subject)]
    then = " ".join([texts.next, *advice])
    return Explanation(own.why, then, own.may + texts.may) if own else texts._replace(next=then)


def _of_the_next_try(subject: _Subject) -> list[str]:
    """What the provider has said of charging a declined charge's method again."""
    failure = subject.view.failure
    advice = failure.retry.advice if failure and failure.retry and subject.stand.reason == "declined" else None
    texts = RETRY_ADVICE | SAVE_ADVICE if subject.about == "setup" else RETRY_ADVICE
    return [texts[advice]] if advice else []


def _waits(payment: PaymentView | PaymentMethodView) -> Mapping[str, str]:
    """What the reasons mean for which the payment's provider lets wait."""
    described = PROVIDERS.get(payment.provider or "")
    return described.waits if described else {}


def _addressed(text: str, payment: PaymentView | PaymentMethodView) -> str:
    """The text with the route of the credentials that this payment uses: those of another account are of no use."""
    if payment.provider is None:
        return text
    return text.replace(CREDENTIALS, credentials_path(payment.provider, payment.account or DEFAULT_ACCOUNT))


_Live = Sequence[tuple[OperationView, _Stand]]
"""The operations that have not ended."""


def _of_payment(charge: _Subject, payment: PaymentView, live: _Live) -> Explanation:
    """By the payment's own state, or by what is being done with it."""
    texts = (
        _of_transfer(charge, payment, live)
        or _after_correction(charge, payment, live)
        or _of_disputed(payment, charge.stand, live)
        or _after_refunds(payment, charge.stand, live)
        or _while_changing(charge.stand, live)
        or _explanation(charge, payment)
    )
    if payment.action is not None and "redirect" in texts.may:
        texts = OTHER_ACTIONS.get(cast("ActionKind", payment.action.__struct_config__.tag), texts)
    if any(view.kind == "cancel" and stand.state == "waiting" for view, stand in live):
        texts = texts._replace(next=f"{texts.next} Your cancel waits for that; `operations` shows how it stands.")
    return texts


def _after_correction(charge: _Subject, payment: PaymentView, live: _Live) -> Explanation | None:
    """The explanation of a payment whose money came after its end, until there is something newer to tell of it."""
    if not charge.corrected or payment.amount_refunded:
        return None
    refunds = [view.opened_by for view, _ in live if view.kind == "refund"]
    return None if refunds not in ([], ["malipo"]) else CORRECTED["refund" if refunds else "keep"]


def _of_transfer(charge: _Subject, payment: PaymentView, live: _Live) -> Explanation | None:
    """The explanation of money that has gone to a recipient, or came back from there."""
    stand = charge.stand
    if payment.transfer is None or stand.state not in ("completed", "returned"):
        return None
    if stand.state == "returned":
        return TRANSFERRED["returned"]
    asked = [request.state for view, request in live if view.kind == "return_request"]
    if asked:
        return TRANSFERRED["in doubt" if "in_doubt" in asked else "asked"]
    texts = TRANSFERRED["late" if charge.corrected else "arrived"]
    return texts._replace(why=_explanation(charge, payment).why) if stand.reason == "decided_completed" else texts


def _while_changing(stand: _Stand, live: _Live) -> Explanation | None:
    """The explanation of a charge while a capture or cancel changes it."""
    if stand.state not in ("authorized", "requires_action", "pending") or stand.reason == "expired":
        return None
    for view, changing in live:
        if view.kind in ("capture", "cancel") and changing.state != "waiting":
            return CHANGING[view.kind, "in doubt" if changing.state == "in_doubt" else "under way"]
    return None


def _of_disputed(payment: PaymentView, stand: _Stand, live: _Live) -> Explanation | None:
    """The explanation of a completed payment with an open dispute, or with a lost one until there is something newer to tell."""
    if stand.state != "completed":
        return None
    kinds = {view.kind for view, _ in live}
    if "dispute" in kinds:
        return DISPUTED["open"]
    return DISPUTED["lost"] if payment.amount_disputed and "refund" not in kinds else None


def _after_refunds(payment: PaymentView, stand: _Stand, live: _Live) -> Explanation | None:
    """The explanation of a completed payment that is, or is being, refunded, in part or whole."""
    if stand.state != "completed":
        return None
    refunds = [refund.state for view, refund in live if view.kind == "refund"]
    if refunds:
        return REFUNDED["in doubt" if "in_doubt" in refunds else "under way"]
    if payment.amount_refunded == 0:
        return None
    return REFUNDED["of all" if payment.amount_refunded >= payment.amount_captured else "of a part"]


def _shown(subject: _Subject, explanation: Explanation, allowed: Mapping[May, str], now: datetime) -> Json:
    stand = subject.stand
    may: list[May] = [code for code in explanation.may if subject.requested or code != "repeat"]
    return {
        "state": stand.state,
        "reason": stand.reason,
        "detail": stand.detail or subject.told_reason,
        "failure": subject.view.failure,
        "since": stand.since,
        "why": explanation.why,
        "next": explanation.next,
        "next_by": stand.next_by,
        "you_may": [{"code": code, "text": allowed[code]} for code in may if code in allowed],
        "obstacle": _obstacle(subject, now) if stand.live else None,
    }


def _can_ask_back(payment: PaymentView, operations: Iterable[OperationView]) -> bool:
    """Whether the recipient's bank can be asked to give the money back, and was not, or refused."""
    rules = METHODS.get(payment.method, {}).get(payment.provider or "")
    if rules is None or payment.transfer is None or payment.transfer.rail not in rules.return_requests:
        return False
    return not any(one.kind == "return_request" and one.status != "failed" for one in operations)


def _allowed(
    payment: PaymentView, operations: Sequence[OperationView], live: Sequence[OperationView], *, contradicted: bool
) -> frozenset[May]:
    """What is safe as the whole payment stands: one capture or cancel at a time, and no more refunds than was captured; none while
    the money is disputed.

    After a contradiction it is not known whether money was taken: to pay anew could be to pay twice. What may be done
    about an operation that has ended depends on how the payment stands since.
    """
    gone = (
        payment.amount_refunded + sum(view.amount for view in live if view.kind == "refund") + payment.amount_disputed
    )
    disputes = [view for view in live if view.kind == "dispute"]
    barred: set[May] = {may for may, statuses in _POSSIBLE_IN.items() if payment.status not in statuses}
    if any(view.kind in ("capture", "cancel") for view in live):
        barred |= {"capture", "cancel"}
    if gone >= payment.amount_captured or disputes:
        barred |= {"refund"}
    if not any(dispute.status in _TO_ANSWER for dispute in disputes):
        barred |= {"answer_dispute"}
    if contradicted:
        barred |= {"pay_anew"}
    if not _can_ask_back(payment, operations):
        barred |= {"request_return"}
    described = PROVIDERS.get(payment.provider or "")
    if described is not None and "refund" not in described.operations:
        barred |= {"refund"}
    return frozenset(MAY.keys() - barred)


def _obstacle(subject: _Subject, now: datetime) -> Json | None:
    """Why the operation could not be sent yet, and when it is tried again; none once it was answered."""
    postponed = subject.first("postponed")
    answered = {entry["cause"] for entry in subject.entries if entry["kind"] == "attempt"}
    if postponed is None or postponed["cause"] in answered:
        return None
    retry_at = msgspec.convert(postponed["retry_at"], datetime)
    shown = {name: postponed[name] for name in ("code", "detail", "tries", "at")}
    return shown | {"retry_at": postponed["retry_at"] if retry_at > now else None}


def _contradiction(step: Json) -> Json:
    names = ("id", "at", "about", "operation_id", "trigger", "source", "detail")
    return {name: step[name] for name in names}
