"""The simulator's own book: what really happened to money, whatever the API answered."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from malipo_simulators.stripe.models import Charge, PaymentIntent, Refund
from malipo_simulators.stripe.shapes import Json


class Kind(StrEnum):
    """`charge` is authorization and capture at once. `refund` is booked when it is made, `refund_failed` undoes it.

    `dispute` is what a customer's bank has taken back, `dispute_won` what it returned in the end.
    """

    CHARGE = "charge"
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    REFUND = "refund"
    RELEASE = "release"
    REFUND_FAILED = "refund_failed"
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"


@dataclass(frozen=True, slots=True)
class Effect:
    seq: int
    account: str
    kind: Kind
    charge: Charge
    refund: str | None
    amount: int
    idempotency_key: str | None
    at: int

    def as_json(self) -> Json:
        intent = self.charge.intent
        return {
            "seq": self.seq,
            "account": self.account,
            "kind": self.kind,
            "payment_intent": intent.id,
            "charge": self.charge.id,
            "refund": self.refund,
            "amount": self.amount,
            "currency": intent.currency,
            "metadata": intent.metadata,
            "idempotency_key": self.idempotency_key,
            "at": self.at,
        }


@dataclass(frozen=True, slots=True)
class BookFilter:
    """Which part of the book to read; nothing set means all of it."""

    metadata: dict[str, str]
    account: str | None = None
    payment_intent: str | None = None
    after_seq: int = 0


class Book:
    """Append-only and complete on purpose: it is the proof a test compares everything else with."""

    def __init__(self) -> None:
        self._effects: list[Effect] = []
        self._intents: dict[str, tuple[str, PaymentIntent]] = {}
        self._effects_of: dict[str, list[Effect]] = {}
        self._by_metadata: dict[tuple[str, str], list[str]] = {}

    @property
    def count(self) -> int:
        return len(self._effects)

    def open(self, account: str, intent: PaymentIntent) -> None:
        self._intents[intent.id] = (account, intent)
        for pair in intent.metadata.items():
            self._by_metadata.setdefault(pair, []).append(intent.id)

    def retag(self, intent: PaymentIntent, metadata: dict[str, str]) -> None:
        """Merge pairs into an intent's metadata, and find it by them from now on. An empty value removes its key."""
        for key, value in metadata.items():
            if value == "":
                intent.metadata.pop(key, None)
            elif intent.metadata.get(key) != value:
                intent.metadata[key] = value
                self._by_metadata.setdefault((key, value), []).append(intent.id)

    def record(
        self, kind: Kind, charge: Charge, amount: int, at: int, *, key: str | None, refund: Refund | None = None
    ) -> None:
        account, intent = self._intents[charge.intent.id]
        seq = len(self._effects) + 1
        effect = Effect(seq, account, kind, charge, refund.id if refund else None, amount, key, at)
        self._effects.append(effect)
        self._effects_of.setdefault(intent.id, []).append(effect)

    def effects(self, wanted: BookFilter) -> Iterator[Json]:
        """In the order they happened."""
        for effect in self._candidates(wanted):
            if effect.seq > wanted.after_seq and wanted.account in (None, effect.account):
                yield effect.as_json()

    def totals(self, wanted: BookFilter) -> Iterator[Json]:
        """One line for each PaymentIntent, in the order of creation, also for those that moved no money."""
        for intent_id in self._chosen(wanted):
            account, intent = self._intents[intent_id]
            if wanted.account in (None, account):
                yield total_of(account, intent)

    def with_metadata(self, pairs: dict[str, str]) -> list[str]:
        """The ids of intents that carry all of these pairs now, in order of creation."""
        candidates = dict.fromkeys(self._by_metadata.get(next(iter(pairs.items())), []))
        return [one for one in candidates if self._has(one, pairs)]

    def find(self, intent_id: str) -> tuple[str, PaymentIntent] | None:
        return self._intents.get(intent_id)

    def _candidates(self, wanted: BookFilter) -> list[Effect]:
        if not wanted.metadata and wanted.payment_intent is None:
            return self._effects[wanted.after_seq :]
        found = [effect for intent_id in self._chosen(wanted) for effect in self._effects_of.get(intent_id, [])]
        return sorted(found, key=lambda effect: effect.seq)

    def _chosen(self, wanted: BookFilter) -> list[str]:
        if wanted.payment_intent is not None:
            return [wanted.payment_intent] if wanted.payment_intent in self._intents else []
        if not wanted.metadata:
            return list(self._intents)
        return self.with_metadata(wanted.metadata)

    def _has(self, intent_id: str, pairs: dict[str, str]) -> bool:
        metadata = self._intents[intent_id][1].metadata
        return all(metadata.get(key) == value for key, value in pairs.items())


def total_of(account: str, intent: PaymentIntent) -> Json:
    return {
        "payment_intent": intent.id,
        "account": account,
        "status": intent.status,
        "amount": intent.amount,
        "captured": intent.amount_received,
        "refunded": intent.amount_refunded,
        "currency": intent.currency,
        "metadata": intent.metadata,
        "created": intent.created,
    }
