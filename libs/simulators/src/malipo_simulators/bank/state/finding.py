"""Finds what a control route names. Raises `HTTPException` where there is none."""

from fastapi import HTTPException

from malipo_simulators.bank.objects.models import Payment
from malipo_simulators.bank.state.account import Account
from malipo_simulators.bank.state.world import BankWorld


def find_payment(world: BankWorld, name: str) -> Payment:
    """By its id or its end_to_end_id."""
    payment = world.payments.get(name)
    if payment is not None:
        return payment
    found = next((one.payments[name] for one in world.accounts.values() if name in one.payments), None)
    if found is None:
        raise HTTPException(404, f"No payment {name} in this simulator.")
    return found


def find_account(world: BankWorld, account_id: str) -> Account:
    account = world.accounts.get(account_id)
    if account is None:
        raise HTTPException(404, f"No account {account_id} in this simulator.")
    return account
