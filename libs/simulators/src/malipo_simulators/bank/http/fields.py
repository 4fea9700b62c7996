"""Fields that several calls take. All are text, as JSON and queries have it, and checked as the contract says."""

from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, Field

MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"


def a_day(text: str) -> str:
    date.fromisoformat(text)
    return text


def a_moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


type Text = Annotated[str, Field(min_length=1, max_length=140, pattern=r"^[^\x00-\x1f\x7f]+$")]
type EndToEndId = Annotated[str, Field(pattern="^[A-Za-z0-9]{1,35}$")]
type AccountId = Annotated[str, Field(pattern="^[ -~]{1,200}$")]
type Day = Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(a_day)]
type Moment = Annotated[str, Field(pattern=MOMENT), AfterValidator(a_moment)]
