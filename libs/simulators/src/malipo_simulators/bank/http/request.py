"""One API request, read, checked and authenticated, as the operations see it."""

from dataclasses import dataclass
from typing import Any

from malipo_simulators.bank.errors import BankError, not_found
from malipo_simulators.bank.faults import BankFault
from malipo_simulators.bank.objects.models import Payment
from malipo_simulators.bank.state.account import Customer
from malipo_simulators.bank.state.idempotency import Record
from malipo_simulators.bank.state.world import BankWorld
from malipo_simulators.kit.api.answers import Answer, encode
from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.shapes import Json


@dataclass(frozen=True, slots=True)
class BankRequest:
    """`body` and `query` are what the call's models have made of them, `item` what its path names.

    `fingerprint` is of everything that a second request under the same `key` must not change.
    """

    world: BankWorld
    customer: Customer
    cause: Cause
    body: Any
    query: Any
    item: str
    key: str | None
    fingerprint: bytes

    def has_fault(self, fault: BankFault) -> bool:
        return self.cause.fault is not None and self.cause.fault.fault == fault

    def payment(self) -> Payment:
        """The one of the path. Raise 404 for any that is not the customer's."""
        payment = self.world.payments.get(self.item)
        if payment is None or payment.debtor_account_id not in self.customer.accounts:
            raise missing_payment()
        return payment

    def made(self, status: int, body: Json, headers: dict[str, str] | None = None) -> Answer:
        """The answer to what has just been done: the key stands for it from now on."""
        answer = Answer(status, encode(body), headers or {})
        if self.key is not None:
            expires = self.world.clock.now() + self.world.settings.key_seconds
            self.customer.keys.keep(self.key, Record(self.fingerprint, expires, answer))
        return answer


def missing_payment() -> BankError:
    return not_found("payment")


def shown(body: Json) -> Answer:
    return Answer(200, encode(body))
