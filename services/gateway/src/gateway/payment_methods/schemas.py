"""What merchants send about saved methods: the filters of their list."""

from typing import Annotated

from pydantic import Field

from gateway.edge.fields import Page, Printable, Words
from malipo.contracts.events import PaymentMethodStatus
from malipo.contracts.methods import REFERENCE_CHARS


class MethodFilters(Page):
    """Which saved methods to list."""

    status: PaymentMethodStatus | None = Field(default=None, description="`active` are those that can be charged.")
    customer_ref: Annotated[str, Field(min_length=1, max_length=REFERENCE_CHARS), Printable, Words] | None = None
