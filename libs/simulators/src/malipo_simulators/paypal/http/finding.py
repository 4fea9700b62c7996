"""Finds what a request is about: another account's is no permission, anybody's else is not there."""

from collections.abc import Callable

from malipo_simulators.kit.timeline import Dated, Timeline
from malipo_simulators.paypal.errors import no_such_resource
from malipo_simulators.paypal.http.request import PaypalRequest
from malipo_simulators.paypal.state.account import Account

DENIED = "PERMISSION_DENIED"


def owned[T: Dated](request: PaypalRequest, of: Callable[[Account], Timeline[T]]) -> T:
    """The item of the path's id. Of another account's, 403 where the call documents it, else 404 as of none."""
    found = of(request.account).find(request.item_id)
    if found is not None:
        return found
    foreign = any(of(account).find(request.item_id) for account in request.world.accounts.values())
    raise request.issue(DENIED) if foreign and request.documents(DENIED) else no_such_resource()
