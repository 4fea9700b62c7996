"""Checks bodies and queries by their models, and says of each field that is wrong what is wrong with it."""

from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from malipo_simulators.bank.errors import BankError, invalid
from malipo_simulators.bank.http.call import Fields
from malipo_simulators.kit.shapes import Json

# What models say by a PydanticCustomError of their own; of Pydantic's own errors few need to be told apart.
OWN = frozenset({"routing_number_invalid", "recipient_unclear", "amount_not_positive", "filters_conflict"})
CODES = {"missing": "required", "extra_forbidden": "unknown"} | {code: code for code in OWN}


def read_body[F: Fields](model: type[F], given: object) -> F:
    """Raise 422 with a JSON pointer to each field that is wrong."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise wrong(error, "/") from error


def read_query[F: Fields](model: type[F], pairs: Sequence[tuple[str, str]]) -> F:
    """Raise 422 with the name of each parameter that is wrong, or there twice."""
    names = [name for name, _ in pairs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise invalid([{"field": name, "code": "repeated"} for name in twice])
    try:
        return model.model_validate(dict(pairs))
    except ValidationError as error:
        raise wrong(error, "") from error


def wrong(error: ValidationError, root: str) -> BankError:
    return invalid([described(one, root) for one in error.errors(include_url=False, include_input=False)])


def described(one: ErrorDetails, root: str) -> Json:
    return {"field": root + "/".join(map(str, one["loc"])), "code": CODES.get(one["type"], "invalid")}
