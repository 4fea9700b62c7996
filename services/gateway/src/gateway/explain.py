"""Says in plain words and as data why a payment is where it is, what happens next, and what may safely be done. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Any

import msgspec

from malipo.contracts.events import PaymentView
from malipo.contracts.explanations import ACCEPTED, EXPLANATIONS, MAY, REFUSED, Explanation, May

Json = dict[str, Any]

_ENDED = frozenset({"completed", "failed", "canceled"})

_GOES_ON = "Malipo goes on by itself."
_FINAL = "Nothing: this is its end."
# For what a newer orchestrator says and our texts do not know yet: true whatever led there, safe whatever comes.
_BY_STATE = {
    "initiated": Explanation("Malipo has accepted it for good.", _GOES_ON, ("wait", "repeat")),
    "processing": Explanation("It is under way and has not ended.", _GOES_ON, ("wait", "repeat")),
    "requires_action": Explanation("The customer has to act first.", _GOES_ON, ("redirect", "wait", "repeat")),
    "authorized": Explanation("The provider holds the amount for you.", "It waits for you.", ("wait",)),
    "in_doubt": Explanation(
        "Malipo does not know yet what became of it, and does not guess.", _GOES_ON, ("wait", "repeat")
    ),
    "completed": Explanation("It has been carried out.", _FINAL, ()),
    "failed": Explanation("It has failed. `reason` and `detail` say why.", _FINAL, ()),
    "canceled": Explanation("It was given up.", _FINAL, ()),
}
_UNHEARD_OF = Explanation(
    "It is in a state that there are no words for here yet.", "Its `status` says how far it is.", ("repeat",)
)


@dataclass
class _Subject:
    """The payment, or one of its operations, and the entries that say where it stands; `steps` as they were taken."""

    about: str
    operation_id: str | None
    entries: list[Json] = field(default_factory=list[Json])

    @property
    def steps(self) -> list[Json]:
        taken = [entry for entry in self.entries if entry["kind"] == "step" and not entry["contradiction"]]
        return sorted(taken, key=lambda step: step["step"])

    @property
    def denied(self) -> list[Json]:
        """Words of the provider that cannot be true beside its earlier ones."""
        return [entry for entry in self.entries if entry["kind"] == "step" and entry["contradiction"]]

    def first(self, kind: str) -> Json | None:
        return next((entry for entry in self.entries if entry["kind"] == kind), None)


@dataclass(frozen=True)
class _Stand:
    """Where a subject stands. `detail` is the reason's own code, such as that of a decline."""

    about: str
    state: str
    reason: str
    since: object
    detail: str | None = None
    next_by: object = None
    amount: int = 0

    @property
    def live(self) -> bool:
        return self.state not in _ENDED


def explained(payment: PaymentView, entries: Iterable[Json], now: datetime) -> Json:
    """The payment and each of its operations that is under way or has failed. `entries` come the newest first."""
    subjects = _subjects(entries)
    charge = subjects.pop(None, _Subject("payment", None))
    stands = [(subject, _stand(subject, payment)) for subject in subjects.values()]
    contradictions = [_contradiction(entry) for subject in (charge, *subjects.values()) for entry in subject.denied]
    allowed = _allowed(payment, [stand for _, stand in stands], contradicted=bool(charge.denied))
    return {
        "payment_id": payment.id,
        "status": charge.steps[-1]["status"] if charge.steps else payment.status,
        **_told(charge, _stand(charge, payment), allowed, now),
        "contradictions": contradictions,
        "operations": [
            {"id": subject.operation_id, "kind": subject.about, **_told(subject, stand, allowed, now)}
            for subject, stand in stands
            if stand.live or stand.state == "failed"
        ],
    }


def _subjects(entries: Iterable[Json]) -> dict[str | None, _Subject]:
    subjects: dict[str | None, _Subject] = {}
    for entry in entries:
        subject = subjects.setdefault(entry["operation_id"], _Subject(entry["about"], entry["operation_id"]))
        subject.entries.append(entry)
    return dict(sorted(subjects.items(), key=lambda item: item[0] or ""))


def _stand(subject: _Subject, payment: PaymentView) -> _Stand:
    if steps := subject.steps:
        return _stepped(subject.about, steps)
    if refusal := subject.first("refusal"):
        return _Stand(subject.about, "failed", REFUSED, refusal["at"], refusal["code"])
    request = subject.first("request")
    return _Stand(subject.about, "initiated", ACCEPTED, request["at"] if request else payment.created_at)


def _stepped(about: str, steps: Sequence[Json]) -> _Stand:
    """By the last step; since the first of those that led to the same state without a break."""
    last = steps[-1]
    stay = list(takewhile(lambda step: step["to_state"] == last["to_state"], reversed(steps)))
    return _Stand(
        about, last["to_state"], last["trigger"], stay[-1]["at"], last["detail"], last["deadline"], last["amount"]
    )


def _told(subject: _Subject, stand: _Stand, allowed: frozenset[May], now: datetime) -> Json:
    general = _BY_STATE.get(stand.state, _UNHEARD_OF)
    explanation = EXPLANATIONS.get((stand.about, stand.state, stand.reason), general)
    return {
        "state": stand.state,
        "reason": stand.reason,
        "detail": stand.detail,
        "since": stand.since,
        "why": explanation.why,
        "next": explanation.next,
        "next_by": stand.next_by,
        "you_may": [{"code": code, "text": MAY[code]} for code in explanation.may if code in allowed],
        "obstacle": _obstacle(subject, now) if stand.live else None,
    }


def _allowed(payment: PaymentView, operations: Sequence[_Stand], *, contradicted: bool) -> frozenset[May]:
    """What is safe as the whole payment stands: one capture or cancel at a time, and no more refunds than was captured.

    After a contradiction nobody knows whether money was taken: to pay anew could be to pay twice.
    """
    live = [stand for stand in operations if stand.live]
    refunded = payment.amount_refunded + sum(stand.amount for stand in live if stand.about == "refund")
    barred: set[May] = set()
    if any(stand.about in ("capture", "cancel") for stand in live):
        barred |= {"capture", "cancel"}
    if refunded >= payment.amount_captured:
        barred |= {"refund"}
    if contradicted:
        barred |= {"pay_anew"}
    return frozenset(MAY.keys() - barred)


def _obstacle(subject: _Subject, now: datetime) -> Json | None:
    """Why the order could not be sent yet, and when it is tried again: an order that was answered has none."""
    postponed = subject.first("postponed")
    if postponed is None or subject.first("attempt") is not None:
        return None
    retry_at = msgspec.convert(postponed["retry_at"], datetime)
    told = {name: postponed[name] for name in ("code", "detail", "tries", "at")}
    return told | {"retry_at": postponed["retry_at"] if retry_at > now else None}


def _contradiction(step: Json) -> Json:
    names = ("id", "at", "about", "operation_id", "trigger", "source", "detail")
    return {name: step[name] for name in names}
