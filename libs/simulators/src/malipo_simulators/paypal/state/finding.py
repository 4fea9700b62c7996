"""Finds what a control route names, in whichever account it is."""

from collections.abc import Callable

from fastapi import HTTPException

from malipo_simulators.kit.cause import Cause
from malipo_simulators.kit.timeline import Dated, Timeline
from malipo_simulators.paypal.state.account import Account
from malipo_simulators.paypal.state.change import Change
from malipo_simulators.paypal.state.world import PaypalWorld


def find[T: Dated](
    world: PaypalWorld, noun: str, item_id: str, owned: Callable[[Account], Timeline[T]]
) -> tuple[Change, T]:
    """It, and a change of the account that owns it; `noun` is what it is called. Raises `HTTPException` where there is none."""
    for account in world.accounts.values():
        one = owned(account).find(item_id)
        if one is not None:
            return Change(world, account, Cause("POST", f"/_sim/{noun}s/{item_id}")), one
    raise HTTPException(404, f"No {noun} {item_id} in this simulator.")
