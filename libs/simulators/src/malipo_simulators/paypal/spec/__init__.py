"""What PayPal's own OpenAPI documents say of requests and errors, as data.

`requests.json` and `issues.json` are extracted from github.com/paypal/paypal-rest-api-specifications at commit ec4d8f3,
Copyright PayPal, under the Apache License 2.0, by `tests/paypal/extract_spec.py`, which leaves everything else out.
"""

import json
from functools import cache
from importlib.resources import files

from malipo_simulators.kit.shapes import Json

type Issues = dict[str, tuple[int, str]]
"""Of one operation: the HTTP status of each issue, and the words that describe it."""


@cache
def request_shapes() -> dict[str, Json]:
    """JSON schemas by name; a `$ref` is such a name."""
    return json.loads(files(__name__).joinpath("requests.json").read_text("utf-8"))


@cache
def issues_of(operation: str) -> Issues:
    """Of an operation by its operationId, as in `orders.capture`; none for one that the documents do not have."""
    return {issue: (status, words) for issue, (status, words) in _issues().get(operation, {}).items()}


def documented(operation: str, issue: str, status: int) -> tuple[int, str]:
    """Status and words of an issue; of one that this operation does not have, this status and any other's words."""
    return issues_of(operation).get(issue) or (status, words_of(issue))


@cache
def words_of(issue: str) -> str:
    """How any operation describes the issue; empty if none has it."""
    found = (issues[issue][1] for issues in _issues().values() if issue in issues)
    return next(filter(None, found), "")


@cache
def _issues() -> dict[str, dict[str, tuple[int, str]]]:
    return json.loads(files(__name__).joinpath("issues.json").read_text("utf-8"))
