"""docs/payment-states.md: the state table as tables, diagrams and explanations."""

from collections import defaultdict

from gateway.history.instead import CHANGING, CORRECTED, NOT_BEGUN, OTHER_ACTIONS, REFUNDED, TRANSFERRED
from gateway.history.texts import EXPLANATIONS
from gateway.history.words import MAY, Explanation
from malipo.contracts.descriptor import PENDING
from orchestrator.deadlines import deadline_seconds
from orchestrator.machine import DECIDED, TRANSITIONS, Transition
from orchestrator.setups import STATUSES
from orchestrator.states import State, Subject
from orchestrator.views import PUBLIC
from pages.markdown import document, table

_INTRO = """\
One row is one transition: in this state, when this happens, go there, send the provider, publish to the merchant. What is in no row
changes nothing: a repeated or late outcome is counted, another contradiction of an end is recorded and alerted.
*Waits* is how long the new state may last before `overdue` happens to it; it grows with each query that stays unanswered."""

_DOUBT = """\
Doubt (`in_doubt`) means: sent, and no answer that we understand. Merchants see it as `processing`, with a reason.
Only an outcome that the provider reports ends it, or a person's decision
([why](decisions/0034-the-state-follows-the-book.md)). What is `pending` is none: the provider has it, and is asked ever less often
([why](decisions/0035-waiting-is-not-doubt.md)).

At `expires_at` of a payment that waits for its customer `expired` happens to it instead of `overdue`.
A cancel that comes while it is not known how the charge stands is deferred (`waiting`): it ends with the charge, or is sent once that is
known ([why](decisions/0024-an-intent-expires.md))."""

_INITIATED = """\
Of a method that has it (`MethodRules.initiates`), as a bank's transfer, `processing` is `initiated` until the provider is known to have
begun: `payment.processing` is told when that is (`begun`), and not of a doubt before
([why](decisions/0065-a-transfer-is-initiated-until-its-bank-works-on-it.md))."""

_OF_SETUPS = """\
A method that is saved without a payment (*setup*) stands in a payment's place, under its own id
([why](decisions/0083-a-method-that-is-saved-without-paying-stands-in-a-payments-place.md)). Merchants see the saved method:"""

_TEXTS = """\
The texts of `GET /v1/payments/{id}/explain`, by state and reason: what has happened, or `accepted` before anything has, or `refused`.
*Next by* is the deadline above. Each thing that may be done is safe in its row, within what the whole payment allows: one
capture or cancel at a time, no more refunds than was captured. A decline with a code of Malipo's own has the text of
[that code](problems.md#why-it-failed)."""

_HEADER = ("in this state", "when this happens", "go there", "send the provider", "publish", "waits")


def page() -> str:
    """The page's text."""
    return document(
        "States of payments, and of what is done with them",
        "services/orchestrator/src/orchestrator/machine.py",
        _INTRO,
        *(_section(subject) for subject in Subject),
        "## What merchants see of a payment",
        table(("state", "public status"), [(f"`{state}`", f"`{PUBLIC[state]}`") for state in PUBLIC]),
        _INITIATED,
        _OF_SETUPS,
        table(("state", "status of the saved method"), [(f"`{state}`", f"`{STATUSES[state]}`") for state in STATUSES]),
        _DOUBT,
        "## In plain words",
        _TEXTS,
        *(_explanations(subject) for subject in Subject),
        table(("you may", "which means"), [(f"`{code}`", text) for code, text in MAY.items()]),
    )


def _explanations(subject: Subject) -> str:
    header = (f"{subject} is", "because", "why", "what happens next", "you may")
    rows = [
        _texts(f"`{state}`", reason, texts)
        for (about, state, reason), texts in EXPLANATIONS.items()
        if about == subject
    ]
    if subject is Subject.PAYMENT:
        rows += [
            _texts(
                f"`{State.REQUIRES_ACTION}`, `action` is `{action}`",
                "action_required",
                texts,
            )
            for action, texts in OTHER_ACTIONS.items()
        ]
        rows.append(_texts(f"`{State.PENDING}`, its status `initiated`", "pending", NOT_BEGUN))
        rows += [_texts(f"money of a transfer, {how}", "", texts) for how, texts in TRANSFERRED.items()]
        rows += [_texts(f"a {kind} {how}", "", texts) for (kind, how), texts in CHANGING.items()]
        rows += [
            _texts(f"`{State.COMPLETED}` after an end, `late_payments` is `{late}`", "succeeded", texts)
            for late, texts in CORRECTED.items()
        ]
        rows += [_texts(f"`{State.COMPLETED}`, a refund {how}", "succeeded", texts) for how, texts in REFUNDED.items()]
    return table(header, rows)


def _texts(state: str, reason: str, texts: Explanation) -> tuple[str, ...]:
    return state, f"`{reason}`" if reason else "", texts.why, texts.next, ", ".join(f"`{code}`" for code in texts.may)


def _section(subject: Subject) -> str:
    rows = [row for row in TRANSITIONS if row.subject is subject]
    title = subject.replace("_", " ").capitalize()
    return "\n\n".join((f"## {title}", table(_HEADER, map(_cells, rows)), _diagram(rows)))


def _cells(row: Transition) -> tuple[str, ...]:
    names = (row.state, row.trigger, row.to, row.send, row.event)
    return (
        *(f"`{name}`" if name else "" for name in names),
        _duration(deadline_seconds(row, 0, PENDING.total_seconds())),
    )


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "ends"
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def _diagram(rows: list[Transition]) -> str:
    triggers: dict[tuple[State, State], list[str]] = defaultdict(list)
    for row in rows:
        if row.state is not row.to:
            triggers[row.state, row.to].append(row.trigger)
    arrows = [f"    {state} --> {to}: {', '.join(happened)}" for (state, to), happened in triggers.items()]
    ends = [f"    {state} --> [*]" for state in State if state in DECIDED & {row.to for row in rows}]
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {State.INITIATED}", *arrows, *ends, "```"]
    return "\n".join(lines)
