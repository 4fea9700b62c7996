"""One API request, read and authenticated, as the operations see it."""

from dataclasses import dataclass

from malipo_simulators.stripe.http.forms import Form
from malipo_simulators.stripe.http.params import Params
from malipo_simulators.stripe.state.account import Account
from malipo_simulators.stripe.state.change import Change
from malipo_simulators.stripe.state.world import StripeWorld


@dataclass(frozen=True, slots=True)
class StripeRequest:
    """`base_url` is how the client reached us, for links back; `item_id` is the id in the path, `second_id` the one behind it."""

    change: Change
    form: Form
    fingerprint: bytes
    version: str
    base_url: str
    item_id: str = ""
    second_id: str = ""

    @property
    def world(self) -> StripeWorld:
        return self.change.world

    @property
    def account(self) -> Account:
        return self.change.account

    def params(self) -> Params:
        return Params(self.form)
