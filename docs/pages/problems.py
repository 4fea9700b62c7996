"""docs/problems.md: everything that can go wrong for a merchant, and what to do about it."""

from gateway.problems import PROBLEMS, Retry
from pages.markdown import document, table

_INTRO = """\
An error is an `application/problem+json` (RFC 9457) with a stable `code`. `retry` says what may be done with the same request:
whether sending it again is of use (`safe`), after how many seconds, and whether with the same `Idempotency-Key`."""


def page() -> str:
    """The page's text."""
    rows = [
        (f"`{code}`", str(kind.status), kind.title, kind.advice, _retry(kind.retry)) for code, kind in PROBLEMS.items()
    ]
    return document(
        "Problems",
        "services/gateway/src/gateway/problems.py",
        _INTRO,
        table(("code", "status", "what it is", "what to do", "the same request again"), rows),
    )


def _retry(retry: Retry) -> str:
    if retry.safe:
        return f"after {retry.after_seconds} s" + ("" if retry.same_key else ", with a new key")
    return "no; a corrected one may use the same key" if retry.same_key else "no; another one needs a new key"
