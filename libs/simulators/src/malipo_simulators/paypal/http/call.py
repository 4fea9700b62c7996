"""One call of the API, as the conventions need to know it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from malipo_simulators.kit.api.answers import Answer
from malipo_simulators.paypal.http.request import PaypalRequest

type Keys = Literal["orders", "payments"]
"""For how long a PayPal-Request-Id is known: six hours, or 45 days."""


@dataclass(frozen=True, slots=True)
class Call:
    """`name` is its operationId in PayPal's documents; `shape` names the schema of its body, if it has one.

    `keys`: it takes a PayPal-Request-Id, of this kind.
    """

    name: str
    method: str
    path: str
    run: Callable[[PaypalRequest], Answer]
    shape: str | None = None
    keys: Keys | None = None
