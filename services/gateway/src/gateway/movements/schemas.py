"""How merchants ask for the report of a day, and the schemas of what they get."""

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from gateway.edge.fields import DAY, day_of, text_schema
from gateway.openapi.examples import AT, PAYMENT, REFUND
from gateway.openapi.responses import DocumentedResponse, ref
from gateway.openapi.schemas import INTEGER, MOMENT, MOMENT_OR_NULL, TEXT, TEXT_OR_NULL, object_of
from malipo.contracts.movements import MOVEMENT_KINDS


def _day(text: object) -> object:
    if (day := day_of(text)) is None:
        raise PydanticCustomError("parameter_invalid", "must be a day of this century, e.g. 2026-11-28")
    return day


class DayAsked(BaseModel):
    """Which day to report."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    day: Annotated[date, BeforeValidator(_day), text_schema(format="date", pattern=DAY)] = Field(description="In UTC.")


def _sums(description: str) -> dict[str, Any]:
    return ref("Sums") | {"description": description}


_MOVEMENT = object_of(
    id=TEXT | {"description": "The provider's own."},
    kind={"enum": [*MOVEMENT_KINDS]},
    provider=TEXT,
    account=TEXT,
    payment_id=TEXT_OR_NULL,
    operation_id=TEXT_OR_NULL | {"description": "The refund or dispute, if it is of one."},
    reference=TEXT_OR_NULL | {"description": "The provider's id of what moved the balance."},
    currency=TEXT | {"description": "That the account is kept in: perhaps another than the payment's."},
    amount=INTEGER | {"description": "Minor units of `currency`, as fee and net; negative for what leaves."},
    fee=INTEGER | {"description": "What the provider has kept of it."},
    net=INTEGER | {"description": "`amount` less `fee`."},
    exchange_rate=TEXT_OR_NULL
    | {
        "description": "From the payment's currency to `currency`, the provider's decimal number; null where they are the same."
    },
    moved_at=MOMENT,
    available_at=MOMENT_OR_NULL | {"description": "When it can be paid out."},
)
_ACCOUNT = object_of(
    provider=TEXT,
    account=TEXT,
    currency=TEXT,
    kinds={"type": "object", "additionalProperties": ref("Sums"), "description": "By what moved the balance."},
    matched=_sums("Of payments and their refunds and disputes."),
    suspense=_sums("Charges, refunds and disputes of which no payment is known here."),
    others=_sums("No payment's: payouts, fees of their own."),
    total=_sums("All of it: by so much the balance has changed."),
)
_COMPONENTS = {
    "Sums": object_of(count=INTEGER, amount=INTEGER, fee=INTEGER, net=INTEGER),
    "Movement": _MOVEMENT,
    "AccountOfDay": _ACCOUNT,
}
_EXAMPLE: dict[str, Any] = {
    "id": "txn_3P0", "kind": "charge", "provider": "stripe", "account": "default", "payment_id": PAYMENT["id"], "operation_id": None,
    "reference": "ch_3P0", "currency": "USD", "amount": 1250, "fee": 66, "net": 1184, "exchange_rate": None, "moved_at": AT,
    "available_at": "2026-11-23T09:30:00Z",
}  # fmt: skip
_GIVEN_BACK = {
    "kind": "refund",
    "operation_id": REFUND["id"],
    "reference": "re_3P0",
    "amount": -250,
    "fee": 0,
    "net": -250,
}
_BACK = _EXAMPLE | {"id": "txn_4P0", **_GIVEN_BACK}
_NOTHING = {"count": 0, "amount": 0, "fee": 0, "net": 0}
_CHARGES, _REFUNDS = (
    {"count": 1, "amount": 1250, "fee": 66, "net": 1184},
    {"count": 1, "amount": -250, "fee": 0, "net": -250},
)
_BOTH = {"count": 2, "amount": 1000, "fee": 66, "net": 934}
OF_PAYMENT = DocumentedResponse(
    object_of(payment_id=TEXT, movements={"type": "array", "items": ref("Movement")}),
    {"payment_id": PAYMENT["id"], "movements": [_EXAMPLE, _BACK]},
    _COMPONENTS,
)
OF_DAY = DocumentedResponse(
    object_of(
        day={"type": "string", "format": "date"},
        accounts={"type": "array", "items": ref("AccountOfDay")},
        corrected=INTEGER | {"description": "Payments that were corrected (`payment.corrected`)."},
        awaiting=INTEGER
        | {"description": "Payments begun that day that have money, and of which no movement is known yet."},
        differing={
            "type": "array",
            "items": object_of(payment_id=TEXT, currency=TEXT, recorded=INTEGER, settled=INTEGER),
            "description": "Payments of which another amount has moved than is recorded, a hundred at the most.",
        },
    ),
    {
        "day": "2026-11-21",
        "accounts": [
            {
                "provider": "stripe",
                "account": "default",
                "currency": "USD",
                "kinds": {"charge": _CHARGES, "refund": _REFUNDS},
            }
            | {"matched": _BOTH, "suspense": _NOTHING, "others": _NOTHING, "total": _BOTH}
        ],
        "corrected": 0,
        "awaiting": 0,
        "differing": [],
    },
    _COMPONENTS,
)
