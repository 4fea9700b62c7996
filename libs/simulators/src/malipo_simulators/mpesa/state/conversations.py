"""The requests that were accepted to be answered later, and what came of each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conversation:
    """`originator_id` finds it again. `receipt` is of the transaction that it made; None if it was declined."""

    originator_id: str
    id: str
    shortcode: str
    receipt: str | None
    amount: str


class Conversations:
    """Of those that would move money. `take` is how a client's own id is good for one of them only."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._by_originator: dict[str, Conversation] = {}
        self._by_receipt: dict[str, Conversation] = {}

    def take(self, originator_id: str) -> bool:
        """False if it was taken before."""
        is_new = originator_id not in self._taken
        self._taken.add(originator_id)
        return is_new

    def end(self, conversation: Conversation) -> None:
        self._by_originator[conversation.originator_id] = conversation
        if conversation.receipt is not None:
            self._by_receipt[conversation.receipt] = conversation

    def find(self, originator_id: str) -> Conversation | None:
        return self._by_originator.get(originator_id)

    def behind(self, receipt: str) -> Conversation | None:
        """That which made the transaction, if one did."""
        return self._by_receipt.get(receipt)
