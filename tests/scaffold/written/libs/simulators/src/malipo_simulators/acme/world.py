"""All state of one simulator of Acme Pay: what was paid, by its key, and the book."""

from dataclasses import asdict, dataclass, field
from typing import override

from malipo_simulators.kit.api.answers import Answer
from malipo_simulators.kit.book import Book
from malipo_simulators.kit.settings import SimulatorSettings
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.webhooks.courier import Courier
from malipo_simulators.kit.world import World


@dataclass(frozen=True)
class Paid:
    """A payment or a refund, which is both what money moved for and the movement: it is paid at once."""

    seq: int
    account: str
    id: str
    kind: str
    tag: str
    amount: int
    currency: str
    status: str = "paid"
    metadata: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def payment_id(self) -> str:
        return self.id

    def as_json(self) -> Json:
        return asdict(self)


class AcmeWorld(World[SimulatorSettings]):
    """What was paid, and the answers that were given under each key."""

    @override
    def _start_empty(self) -> None:
        super()._start_empty()
        self.book: Book[Paid, Paid] = Book(lambda _, paid: paid.as_json())
        self.by_tag: dict[str, Paid] = {}
        self.answers: dict[str, Answer] = {}

    @override
    def couriers(self) -> list[Courier]:
        return []

    @override
    def counters(self) -> Json:
        return {"paid": len(self.by_tag)}

    def pay(self, account: str, kind: str, given: Json) -> Paid:
        """Move the money."""
        name, tag = self.ids.draw(kind, 12), str(given["tag"])
        amount, currency = int(str(given["amount"])), str(given["currency"])
        about = {"tag": tag, "phone": str(given.get("phone", ""))}
        paid = Paid(self.book.next_seq, account, f"{kind}_{name}", kind, tag, amount, currency, metadata=about)
        self.by_tag[tag] = paid
        self.book.open(account, paid)
        self.book.record(paid)
        return paid
