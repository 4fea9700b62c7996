"""Which payments a script is for."""

from pydantic import BaseModel, ConfigDict, Field

from malipo_simulators.bank.objects.models import Creditor
from malipo_simulators.bank.objects.plans import Fate
from malipo_simulators.bank.rails import RailName
from malipo_simulators.kit.scripts import Scripts


class PaymentMatch(BaseModel):
    """Every part given must match; an empty one matches every payment."""

    model_config = ConfigDict(extra="forbid")

    amount: int | None = Field(default=None, description="In cents.")
    rail: RailName | None = None
    debtor_account_id: str | None = None
    end_to_end_id: str | None = None
    digits: str | None = Field(default=None, description="Last four of account number, phone, or e-mail before its @.")

    def takes(
        self, *, amount: int, rail: RailName, debtor_account_id: str, end_to_end_id: str, creditor: Creditor
    ) -> bool:
        return (
            self.amount in (None, amount)
            and self.rail in (None, rail)
            and self.debtor_account_id in (None, debtor_account_id)
            and self.end_to_end_id in (None, end_to_end_id)
            and self.digits in (None, creditor.to.digits)
        )


type BankScripts = Scripts[PaymentMatch, Fate]
