"""A merchant on a compose project, and a payment of his by each provider."""

from collections.abc import Callable, Mapping
from typing import Self, cast

from compose.project import Project
from malipo_local import Stack
from malipo_local.merchant import DemoMerchant

_SECONDS = 60.0


class ComposeMerchant(DemoMerchant):
    """As the demo's, with accounts at all providers."""

    @classmethod
    def on(cls, project: Project) -> Self:
        """Make the merchant, and have Malipo know the accounts. Raises `NeverHappened`, or what httpx raises."""

        def run(_stack: Stack, service: str, *arguments: str) -> str:
            return project.command(service, *arguments)

        merchant = cls.open(cast("Stack", project), running=run)  # of which a merchant uses addresses alone
        merchant.connect_mpesa()
        merchant.connect_paypal()
        merchant.connect_bank()
        return merchant

    def hooks(self) -> str:
        """By the one private name that the dispatcher may call."""
        return f"http://merchant-sim:12112/hooks/{self.name}"

    def _is_paid(self, payment_id: str) -> None:
        """It has completed, and the webhook says so. Raises `NeverHappened`."""
        self.wait(payment_id, "completed", seconds=_SECONDS)
        self.events(payment_id, "payment.completed", seconds=_SECONDS)

    def by_stripe(self) -> None:
        """Pay by card."""
        self._is_paid(self.pay()["id"])

    def by_mpesa(self) -> None:
        """Pay on a phone, whose owner enters the PIN: the callback comes through the proxy."""
        payment_id = self.prompt()["id"]
        self.wait(payment_id, "requires_action", seconds=_SECONDS)
        self.paybill.answer(payment_id, "pay")
        self._is_paid(payment_id)

    def by_paypal(self) -> None:
        """Pay at PayPal, whose webhook tells of the approval."""
        payment_id = self.check_out()["id"]
        self.wait(payment_id, "requires_action", seconds=_SECONDS)
        self.paypal.approve(payment_id)
        self._is_paid(payment_id)

    def by_bank(self) -> None:
        """Send money, and be told by the bank's webhook that it has arrived."""
        self._is_paid(self.transfer()["id"])

    def ways(self) -> Mapping[str, Callable[[], None]]:
        """Every way to pay, by provider. Each raises `NeverHappened`."""
        return {"stripe": self.by_stripe, "mpesa": self.by_mpesa, "paypal": self.by_paypal, "bank": self.by_bank}
