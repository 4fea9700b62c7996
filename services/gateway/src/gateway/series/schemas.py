"""What merchants send about series: its rules, and its id in paths."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from gateway.edge.fields import (
    AMOUNT_PROBLEMS,
    DAY,
    TEXT_PROBLEMS,
    Amount,
    Currency,
    Printable,
    Words,
    day_of,
    text_schema,
)
from gateway.series.periods import Per
from malipo.contracts.descriptor import Details
from malipo.contracts.methods import REFERENCE_CHARS, SERIES, SERIES_MUST

MAX_COUNT = 1000


def _series_id(text: str) -> str:
    if not re.fullmatch(SERIES, text):
        raise PydanticCustomError("parameter_invalid", f"must be {SERIES_MUST}")
    return text


def _day(value: object) -> object:
    # PostgreSQL's library takes the first day that Python knows for an infinity, which is no moment of a series.
    if value is not None and (value := day_of(value)) is None:
        raise PydanticCustomError("value_invalid", "must be a day of this century, e.g. 2026-11-21")
    return value


_ShownDay = Annotated[date, text_schema(format="date", pattern=DAY)]
SeriesId = Annotated[str, AfterValidator(_series_id), Words, text_schema(pattern=SERIES)]


class NewSeries(Details):
    """What may be charged in each period of a series."""

    problems = (*TEXT_PROBLEMS, *AMOUNT_PROBLEMS, "choice_unknown", "currency_unknown")
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "customer_ref": "customer-7",
                "currency": "USD",
                "max_amount": 1500,
                "max_count": 1,
                "per": "month",
                "starts_on": "2026-12-05",
            }
        }
    )

    customer_ref: Annotated[str, Field(min_length=1, max_length=REFERENCE_CHARS), Printable, Words] = Field(
        description="Whose mandate it is: only this customer's saved methods are charged by it. Stays as it was first given."
    )
    currency: Annotated[Currency, Field(description="ISO 4217, in capitals. Stays as it was first given.")]
    max_amount: Annotated[
        Amount, Field(description="Minor units: so much may all charges of one period make up together.")
    ]
    max_count: int = Field(ge=1, le=MAX_COUNT, description="So many charges may one period have.")
    per: Per = Field(description="How long a period is.")
    starts_on: Annotated[_ShownDay | None, BeforeValidator(_day)] = Field(
        default=None,
        description="The first day, in UTC, from which the periods are counted. Left out, today, or what it was before.",
    )
