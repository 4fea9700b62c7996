"""What merchants send to save a method without a payment."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import ConfigDict, Field, JsonValue, PrivateAttr, model_validator

from gateway.edge.fields import TEXT_PROBLEMS, AccountLabel, WebUrl
from gateway.payments.fitting import Candidate
from gateway.payments.methods import OneOf, numbers_of, problems_of
from gateway.payments.schemas import NOTHING_PERSONAL, ClientRef, ExpiresAt, Metadata, Provider, some_fitting
from gateway.setups.fitting import keepers, keeps
from malipo.contracts.commands import DEFAULT_ACCOUNT
from malipo.contracts.descriptor import Details, Method
from malipo.contracts.providers import METHODS, PROVIDERS

_KEPT = sorted(
    (name, type_)
    for type_, by_provider in METHODS.items()
    for name, rules in by_provider.items()
    if keeps(Candidate(PROVIDERS[name], rules))
)
_FITTING: JsonValue = {
    "properties": {
        "method": {"properties": {"type": {"enum": [*dict.fromkeys(type_ for _, type_ in _KEPT)]}}},
        "provider": {"enum": [*dict.fromkeys(name for name, _ in _KEPT), None]},
    }
}


class NewPaymentMethod(Details):
    """Save a customer's payment method for later payments, without a payment."""

    problems = (
        *TEXT_PROBLEMS,
        "too_many_entries",
        "method_unknown",
        "method_unsupported",
        "save_method_unsupported",
        "url_invalid",
        "provider_unknown",
        "expires_at_out_of_range",
        *problems_of(METHODS),
    )
    numbers = numbers_of(METHODS)
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "customer_ref": "customer-7",
                "method": {"type": "card", "token": "pm_card_visa"},
                "return_url": "https://shop.example/cards",
            },
            "allOf": [_FITTING],
        }
    )

    customer_ref: Annotated[
        ClientRef, Field(description=f"Whose it is: an id of your own for the customer. {NOTHING_PERSONAL}")
    ]
    method: Annotated[Method, OneOf(METHODS), Field(description="What is to be saved: a card, by its token.")]
    return_url: WebUrl | None = Field(
        default=None,
        description="Where the customer returns to who has shown his bank that it is him. Without it, a card whose bank wants that "
        "is not saved: it is `expired` in the end.",
    )
    client_ref: ClientRef | None = Field(default=None, description=f"Your own reference of this. {NOTHING_PERSONAL}")
    metadata: Metadata = Field(default={}, max_length=20, description=f"Yours. {NOTHING_PERSONAL}")
    provider: Provider | None = Field(default=None, description="Leave it out to let routing decide.")
    account: AccountLabel = Field(
        default=DEFAULT_ACCOUNT, description="Which of your accounts at the provider, by its label."
    )
    expires_at: ExpiresAt = Field(
        default=None,
        description="RFC 3339 with an offset: until when it may be done, within what a payment with this method allows. Left out, as "
        "long as such a payment is good for, of a card a quarter of an hour.",
    )

    _keepers: list[Candidate] = PrivateAttr()

    @model_validator(mode="after")
    def _fits_a_provider(self) -> Self:
        self._keepers = some_fitting(keepers(self.method, self.provider))
        return self

    @property
    def keepers(self) -> Sequence[Candidate]:
        """The providers that can keep it; never none."""
        return self._keepers
