"""A payment and what it is made of, as the bank keeps them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from malipo_simulators.bank.objects.plans import Fate
from malipo_simulators.bank.objects.reasons import Reason
from malipo_simulators.bank.rails import RAILS, Rail, RailName
from malipo_simulators.kit.shapes import Json


class Status(StrEnum):
    INITIATED = "initiated"
    HELD = "held"
    PROCESSING = "processing"
    UNKNOWN = "unknown"
    COMPLETED = "completed"
    REJECTED = "rejected"
    CANCELED = "canceled"
    RETURNED = "returned"


ISO = {
    Status.INITIATED: "ACTC",
    Status.HELD: "PDNG",
    Status.PROCESSING: "ACSP",
    Status.UNKNOWN: "ACSP",
    Status.COMPLETED: "ACSC",
    Status.REJECTED: "RJCT",
    Status.CANCELED: "CANC",
    Status.RETURNED: "ACSC",
}
"""A return is a transfer of its own (pacs.004): the payment stays settled."""

FOLLOWS: dict[Status, tuple[Status, ...]] = {
    Status.INITIATED: (Status.HELD, Status.PROCESSING, Status.CANCELED, Status.REJECTED),
    Status.HELD: (Status.PROCESSING, Status.CANCELED, Status.REJECTED),
    Status.PROCESSING: (Status.UNKNOWN, Status.COMPLETED, Status.REJECTED),
    Status.UNKNOWN: (Status.COMPLETED, Status.REJECTED),
    Status.COMPLETED: (Status.RETURNED,),
    Status.REJECTED: (),
    Status.CANCELED: (),
    Status.RETURNED: (),
}
CANCELABLE = (Status.INITIATED, Status.HELD)
UNDER_WAY = (Status.PROCESSING, Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class BankAccount:
    number: str
    routing: str

    @property
    def digits(self) -> str:
        """The last four."""
        return self.number[-4:]


@dataclass(frozen=True, slots=True)
class Alias:
    type: Literal["email", "phone"]
    value: str

    @property
    def digits(self) -> str:
        """The last four of a phone number, or of what stands before the @."""
        return self.value.partition("@")[0][-4:]


@dataclass(frozen=True, slots=True)
class Creditor:
    """Who gets the money."""

    name: str
    to: BankAccount | Alias


@dataclass(frozen=True, slots=True)
class Returned:
    reason: Reason
    at: datetime


RequestStatus = Literal["pending", "accepted", "refused"]


@dataclass(slots=True, eq=False)
class ReturnRequest:
    """`reason` is why it was asked for, `answer` why it was refused."""

    id: str
    reason: str | None
    status: RequestStatus = "pending"
    answer: Reason | None = None


@dataclass(slots=True, eq=False)
class Payment:
    """`amount` is in cents. `version` grows with each change, and `updated_at` is of the last one.

    `step` numbers what is planned to happen to it by itself: a plan whose number is no longer this one is off.
    `metadata` is what tests find it by; `history` has the JSON of every version.
    """

    id: str
    end_to_end_id: str
    rail_name: RailName
    amount: int
    currency: str
    debtor_account_id: str
    creditor: Creditor
    remittance: str | None
    idempotency_key: str | None
    fate: Fate
    execution_at: datetime
    created_at: datetime
    updated_at: datetime
    metadata: dict[str, str]
    status: Status = Status.INITIATED
    reason: Reason | None = None
    clearing_ref: str | None = None
    returned: Returned | None = None
    return_request: ReturnRequest | None = None
    version: int = 1
    step: int = 0
    history: list[Json] = field(default_factory=list[Json])

    @property
    def rail(self) -> Rail:
        return RAILS[self.rail_name]

    @property
    def can_be_asked_back(self) -> bool:
        return self.rail.can_be_asked_back and self.status is Status.COMPLETED
