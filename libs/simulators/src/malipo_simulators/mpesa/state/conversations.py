"""The requests that were accepted to be answered later, and what came of each."""

from collections import deque
from dataclasses import asdict, dataclass

from malipo_simulators.kit.shapes import Json
from malipo_simulators.mpesa.state.initiators import Role

SHOWN = 10_000
MOVES_MONEY = (Role.REVERSAL, Role.B2C)


@dataclass(frozen=True, slots=True)
class Conversation:
    """`originator_id` finds it again. `receipt` is of the transaction that it made; None if it made none.

    `amount` is as it was asked for, and empty of what asks for none.
    """

    role: Role
    originator_id: str
    id: str
    shortcode: str
    result_code: int | str
    result: str
    receipt: str | None
    amount: str
    at: int

    def as_json(self) -> Json:
        return asdict(self)


class Conversations:
    """`take` is how a client's own id is good for one of them only."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._by_originator: dict[str, Conversation] = {}
        self._by_receipt: dict[str, Conversation] = {}
        self._latest: deque[Conversation] = deque(maxlen=SHOWN)

    def take(self, originator_id: str) -> bool:
        """False if it was taken before."""
        is_new = originator_id not in self._taken
        self._taken.add(originator_id)
        return is_new

    def end(self, conversation: Conversation) -> None:
        """What would have moved money can be asked about later, also if it was declined."""
        self._latest.append(conversation)
        if conversation.role in MOVES_MONEY:
            self._by_originator[conversation.originator_id] = conversation
        if conversation.receipt is not None:
            self._by_receipt[conversation.receipt] = conversation

    def find(self, originator_id: str) -> Conversation | None:
        return self._by_originator.get(originator_id)

    def behind(self, receipt: str) -> Conversation | None:
        """That which made the transaction, if one did."""
        return self._by_receipt.get(receipt)

    def latest(self, shortcode: str | None) -> list[Conversation]:
        """The last ones, of one shortcode or of all, newest last."""
        return [one for one in self._latest if shortcode in (None, one.shortcode)]
