"""The prompts on customers' phones: those that are open, and what became of all others."""

from collections.abc import Iterator
from dataclasses import dataclass

from malipo_simulators.kit.cause import Cause
from malipo_simulators.mpesa.endings import RESULTS, Ending
from malipo_simulators.mpesa.result_codes import ResultCode
from malipo_simulators.mpesa.state.book import Payment
from malipo_simulators.mpesa.times import in_east_africa


@dataclass(frozen=True, slots=True)
class Push:
    """What a client has asked for. `phone` is prompted, `payer` pays: as a rule they are the same."""

    shortcode: str
    transaction_type: str
    amount: int
    payer: str
    credited: str
    phone: str
    callback_url: str
    reference: str
    description: str


@dataclass(slots=True, eq=False)
class Prompt:
    """`ending` is None while it is open. `cause` is the push: its faults go with the callback, whoever answers."""

    checkout_request_id: str
    merchant_request_id: str
    push: Push
    payment: Payment
    created: int
    cause: Cause
    ending: Ending | None = None
    receipt: str | None = None

    @property
    def account(self) -> str:
        return self.cause.account or ""

    @property
    def result(self) -> ResultCode:
        assert self.ending is not None, "an open prompt has no result"
        return RESULTS[self.ending]


class Prompts:
    """All of them, as they are the truth that queries ask for; and which is open on which phone: one at most."""

    def __init__(self) -> None:
        self._by_id: dict[str, Prompt] = {}
        self._open: dict[str, Prompt] = {}
        self._last_asked: dict[tuple[str, int], int] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def new_id(self, phone: str, now: int) -> str:
        """ws_CO_, day and time, milliseconds, and the phone number without its country: as Daraja's are today.

        In place of milliseconds stands a running number, so that none is given twice.
        """
        return f"ws_CO_{in_east_africa(now):%d%m%Y%H%M%S}{len(self._by_id) % 1000:03}{phone[3:]}"

    def add(self, prompt: Prompt) -> None:
        self._by_id[prompt.checkout_request_id] = prompt
        self._open[prompt.push.phone] = prompt

    def end(self, prompt: Prompt, ending: Ending) -> None:
        prompt.ending = ending
        if self._open.get(prompt.push.phone) is prompt:
            del self._open[prompt.push.phone]

    def find(self, checkout_request_id: str) -> Prompt | None:
        return self._by_id.get(checkout_request_id)

    def open_on(self, phone: str) -> Prompt | None:
        return self._open.get(phone)

    def open(self) -> list[Prompt]:
        return list(self._open.values())

    def newest_first(self) -> Iterator[Prompt]:
        return reversed(self._by_id.values())

    def last_asked(self, push: Push) -> int | None:
        """When this customer was asked for the same amount, in Unix seconds."""
        return self._last_asked.get((push.payer, push.amount))

    def note_asked(self, push: Push, now: int) -> None:
        self._last_asked[push.payer, push.amount] = now
