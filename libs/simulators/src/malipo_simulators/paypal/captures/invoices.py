"""Invoice ids: as the merchants' accounts are set, none is paid twice."""

from malipo_simulators.paypal.objects.models import Capture, Order
from malipo_simulators.paypal.state.account import Account
from malipo_simulators.paypal.state.change import Change


def is_duplicate(change: Change, order: Order, invoice_id: str | None) -> bool:
    """Whether it was authorized or captured for another order."""
    if invoice_id is None or not change.settings.unique_invoices:
        return False
    return change.account.invoices.get(invoice_id, order.id) != order.id


def is_captured(change: Change, order: Order, invoice_id: str) -> bool:
    """Whether a capture has it, also one of the same order."""
    captured = change.settings.unique_invoices and invoice_id in change.account.captured_invoices
    return captured or is_duplicate(change, order, invoice_id)


def claim(account: Account, order: Order, invoice_id: str | None) -> None:
    if invoice_id is not None:
        account.invoices.setdefault(invoice_id, order.id)


def claim_for_capture(account: Account, one: Capture) -> None:
    claim(account, one.order, one.invoice_id)
    if one.invoice_id is not None:
        account.captured_invoices.add(one.invoice_id)


def let_go(account: Account, invoice_id: str | None) -> None:
    """Nothing was paid under it after all."""
    if invoice_id is not None:
        account.invoices.pop(invoice_id, None)
        account.captured_invoices.discard(invoice_id)
