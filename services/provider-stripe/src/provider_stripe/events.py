"""Stripe's events as outcomes of our operations, and as reports that match none."""

from dataclasses import replace

import msgspec

from malipo import clock
from malipo.contracts.commands import Mode
from malipo.contracts.outcomes import Authorized, Declined, Outcome, Succeeded, Unknown
from malipo.contracts.providers.stripe import EVENT_TYPES
from malipo.money import Money
from malipo.platform.logs import log
from provider_kit.bodies import name_of_body
from provider_kit.provider import CallbackOutcome, NamedOperation, Opened, ParsedCallback, Unmatched
from provider_stripe import saving
from provider_stripe.mapping import standing
from provider_stripe.objects import (
    ABOUT,
    DATA,
    EVENT,
    FENCE,
    OBJECT,
    OPERATION,
    PAYMENT,
    WARNING,
    About,
    EarlyFraudWarning,
    Event,
    Found,
    Intent,
    SetupIntent,
    StripeDispute,
    id_of,
    is_id,
)
from provider_stripe.standing import token

_WARNING = "radar.early_fraud_warning"
_OPENED = ("refund", "dispute", _WARNING)
"""What others may have made of a payment of ours."""


def parse_event(body: bytes, mode: Mode | None = None) -> ParsedCallback:
    """A genuine event, parsed; empty when its type is none of `EVENT_TYPES`, as of thin events and pings (`v2.*`).

    What is about no operation with our tags, or cannot be read, is unmatched. The body's SHA-256 replaces an id that no
    row can hold. `mode` is that of the address that it came to. Raises `ValueError` for what is no event.
    """
    event = EVENT.decode(body)
    if not is_id(event.id):
        event = msgspec.structs.replace(event, id=name_of_body(body))
    if event.type not in EVENT_TYPES:
        return ParsedCallback(event.id)
    try:
        parsed = _parsed(event)
    except ValueError:
        log.error("event not understood", event_id=event.id, event_type=event.type)
        return ParsedCallback(event.id, unmatched=(Unmatched(event.type, {}),))
    return _asking(parsed) if _is_of_another(event, mode) else parsed


def _is_of_another(event: Event, mode: Mode | None) -> bool:
    """Whether it is of another account that the endpoint listens to (Connect), or was signed with the other mode's secret."""
    in_other_mode = mode is not None and event.livemode is not None and event.livemode is not (mode == "live")
    return event.account is not None or in_other_mode


def _asking(parsed: ParsedCallback) -> ParsedCallback:
    """The same, without being believed: whoever may make objects there may tag them as ours. Our own key shows what is true."""
    named = [NamedOperation(operation_id=one.operation_id, kind=one.kind) for one in parsed.outcomes]
    return replace(parsed, outcomes=(), ask=[*named, *(one for one in parsed.ask if one not in named)])


def _parsed(event: Event) -> ParsedCallback:
    raw = DATA.decode(event.data).object
    about = ABOUT.decode(raw)
    tags = about.metadata or {}
    if about.object == saving.METHOD:
        return _of_method(event, about)
    if FENCE in tags:
        return ParsedCallback(event.id)  # no operation: it only made a key useless
    ours = _are_ours(tags) and about.object != "dispute"  # whose tags anybody may have given
    if about.object not in _OPENED and not ours:
        return ParsedCallback(event.id, unmatched=(_unmatched(event, about),))
    if about.object == _WARNING:
        return _warned(event, about, WARNING.decode(raw))
    try:
        found = OBJECT.decode(raw)
        outcome = standing(found)
    except ValueError:
        return _not_understood(event, about, "another shape")
    if outcome is None:
        return ParsedCallback(event.id, ask=_to_read(found, tags))
    if isinstance(outcome, Unknown):
        return _not_understood(event, about, outcome.reason)
    return _of_ours(event, found, tags, outcome) if ours else _opened(event, about, found, outcome)


def _of_method(event: Event, about: About) -> ParsedCallback:
    """What has become of a PaymentMethod: the charge or setup that has kept it is read, for events overtake each other. Most are
    none of ours.
    """
    references = {saving.METHOD: about.id}
    kept = [NamedOperation(kind=kind, references=references, perhaps=True) for kind in ("charge", "setup")]
    return ParsedCallback(event.id, ask=kept)


def _to_read(found: Found, tags: dict[str, str]) -> tuple[NamedOperation, ...]:
    """Nothing was tried yet, as every intent looks at first; or a card is kept, of which an event has the id alone."""
    is_kept = isinstance(found, SetupIntent) and found.status == "succeeded"
    return (NamedOperation(operation_id=tags[OPERATION], kind="setup"),) if is_kept else ()


def _of_ours(event: Event, found: Found, tags: dict[str, str], outcome: Outcome) -> ParsedCallback:
    """What an event says of an operation of ours. Where it does not say all of a charge, that is read: an event has of a method
    that was kept its id alone, and a decline for which the customer is to be asked is followed by a request of ours.
    """
    if not isinstance(found, Intent):
        kind = "setup" if isinstance(found, SetupIntent) else "refund"
        reported = CallbackOutcome(operation_id=tags[OPERATION], kind=kind, outcome=outcome)
        return ParsedCallback(event.id, outcomes=(reported,))
    charge = NamedOperation(operation_id=tags[OPERATION], kind="charge")
    if saving.INITIATOR in tags and isinstance(outcome, Declined) and outcome.code == saving.WANTS_CUSTOMER:
        return ParsedCallback(event.id, ask=(charge,))
    kept = found.setup_future_usage is not None and isinstance(outcome, Succeeded | Authorized)
    reported = CallbackOutcome(operation_id=tags[OPERATION], kind="charge", outcome=outcome)
    return ParsedCallback(event.id, outcomes=(reported,), ask=(charge,) if kept else ())


def _opened(event: Event, about: About, found: Found, outcome: Outcome) -> ParsedCallback:
    """A dispute, or a refund without our tags: made in Stripe's dashboard, or by another system of the account."""
    objects, amount = _charged(about), _amount(about)
    if (
        isinstance(found, Intent | SetupIntent)
        or found.created is None
        or not amount
        or not amount.amount_minor
        or not objects
    ):
        return ParsedCallback(event.id, unmatched=(_unmatched(event, about),))
    opened = Opened(
        event_type=event.type,
        reference=found.id,
        about=objects,
        amount=amount,
        outcome=outcome,
        opened_at=clock.from_unix(found.created),
        reason=token(found.reason),
        kind="dispute" if isinstance(found, StripeDispute) else "refund",
    )
    return ParsedCallback(event.id, opened=(opened,))


def _warned(event: Event, about: About, warning: EarlyFraudWarning) -> ParsedCallback:
    """The card's issuer suspects fraud: there may be a dispute soon."""
    if not (objects := _charged(about)):
        return ParsedCallback(event.id, unmatched=(_unmatched(event, about),))
    opened = Opened(
        event_type=event.type,
        reference=warning.id,
        about=objects,
        opened_at=clock.from_unix(warning.created),
        reason=token(warning.fraud_type),
        kind="fraud_warning",
    )
    return ParsedCallback(event.id, opened=(opened,))


def _charged(about: About) -> dict[str, str]:
    """Stripe's ids of what was charged."""
    charge = {"payment_intent": id_of(about.payment_intent), "charge": id_of(about.charge)}
    return {name: reference for name, reference in charge.items() if reference}


def _not_understood(event: Event, about: About, reason: str) -> ParsedCallback:
    """An event about an operation of ours, without an outcome: it is kept with the ids to find the operation by."""
    log.error("event not understood", event_id=event.id, event_type=event.type, reason=reason)
    return ParsedCallback(event.id, unmatched=(_unmatched(event, about),))


def _are_ours(tags: dict[str, str]) -> bool:
    """Whether an object has our tags; with values that cannot be ids they are another system's."""
    return is_id(tags.get(PAYMENT, "")) and is_id(tags.get(OPERATION, ""))


def _unmatched(event: Event, about: About) -> Unmatched:
    return Unmatched(event.type, _charged(about) | {about.object: about.id}, _amount(about))


def _amount(about: About) -> Money | None:
    if about.amount is None or about.currency is None:
        return None
    try:
        return Money(about.amount, about.currency.upper())
    except ValueError:  # of a currency that Malipo does not know
        return None
