"""What followers of the bank's world are told: one change of one payment."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from malipo_simulators.bank.objects.models import Payment
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json


@dataclass(frozen=True, slots=True)
class Happening:
    """`type` is as in webhooks (`payment.completed`), `resource` the payment's JSON as it was then."""

    type: str
    payment: Payment
    resource: Json
    cause: Cause
    at: datetime


type Follower = Callable[[Happening], None]
