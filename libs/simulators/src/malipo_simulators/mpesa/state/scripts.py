"""What the next customers will do: scripted answers to prompts, by phone, amount or reference."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.mpesa.endings import Ending
from malipo_simulators.mpesa.state.prompts import Push


@dataclass(frozen=True, slots=True)
class Fate:
    """How a prompt ends by itself, and after how long.

    `silent`: no callback. `paid_after_seconds`: it is paid after all, so long after it has ended; the customer had
    answered late. Nothing tells then but Pull, a confirmation and the receipt's status, unless `told`: then a second
    callback does, and the query.
    """

    ending: Ending
    after_seconds: float
    silent: bool = False
    paid_after_seconds: float | None = None
    told: bool = False


class PromptMatch(BaseModel):
    """Every part given must match; an empty one matches every prompt."""

    model_config = ConfigDict(extra="forbid")

    phone: str | None = Field(default=None, description="As in 254712345678.")
    amount: int | None = Field(default=None, description="In shillings.")
    account_reference: str | None = None
    shortcode: str | None = None

    def takes(self, push: Push) -> bool:
        return (
            self.phone in (None, push.phone)
            and self.amount in (None, push.amount)
            and self.account_reference in (None, push.reference)
            and self.shortcode in (None, push.shortcode)
        )


@dataclass(slots=True, eq=False)
class Script:
    """`times` is how often it is still to be played; None for always."""

    id: str
    match: PromptMatch
    fate: Fate
    times: int | None
    played: int = 0


class Scripts:
    """In order of arrival: the first that takes a push decides."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._scripts: dict[str, Script] = {}
        self._count = 0

    def add(self, match: PromptMatch, fate: Fate, times: int | None) -> Script:
        """Raise OverflowError at the limit."""
        if len(self._scripts) >= self._limit:
            raise OverflowError(self._limit)
        self._count += 1
        script = Script(f"script_{self._count}", match, fate, times)
        self._scripts[script.id] = script
        return script

    def all(self) -> list[Script]:
        return list(self._scripts.values())

    def remove(self, script_id: str) -> bool:
        return self._scripts.pop(script_id, None) is not None

    def clear(self) -> None:
        self._scripts.clear()

    def play(self, push: Push) -> Fate | None:
        """A script that has been played as often as it should be is gone."""
        script = next((one for one in self._scripts.values() if one.match.takes(push)), None)
        if script is None:
            return None
        script.played += 1
        if script.played == script.times:
            del self._scripts[script.id]
        return script.fate
