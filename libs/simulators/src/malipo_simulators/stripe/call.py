"""One API request, read and authenticated, as the operations see it."""

from dataclasses import dataclass

from malipo_simulators.stripe.account import Account
from malipo_simulators.stripe.forms import Form
from malipo_simulators.stripe.params import Params
from malipo_simulators.stripe.work import Work
from malipo_simulators.stripe.world import World


@dataclass(frozen=True, slots=True)
class Call:
    """`base_url` is how the caller reached us, for links back; `item_id` is the id in the path."""

    work: Work
    form: Form
    fingerprint: bytes
    version: str
    base_url: str
    item_id: str = ""

    @property
    def world(self) -> World:
        return self.work.world

    @property
    def account(self) -> Account:
        return self.work.account

    def params(self) -> Params:
        return Params(self.form)
