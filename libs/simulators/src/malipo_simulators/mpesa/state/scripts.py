"""What the next customers will do: scripted answers to prompts, by phone, amount or reference."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.kit.scripts import Scripts
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


type MpesaScripts = Scripts[PromptMatch, Fate]
