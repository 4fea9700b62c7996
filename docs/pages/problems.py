"""docs/problems.md: everything that can go wrong for a merchant, and what to do about it."""

from gateway.edge.problems import PROBLEMS, Retry
from malipo.contracts.events import REFUSAL_CODES
from malipo.contracts.failures import OWN_FAILURES
from pages.markdown import document, table

_INTRO = """\
An error is an `application/problem+json` (RFC 9457) with a stable `code`. `retry` says what may be done with the same request:
whether sending it again may succeed (`safe`), after how many seconds, and whether with the same `Idempotency-Key`."""


_FAILURES = f"""\
A payment, capture, cancel or refund that was accepted and has `failed` shows why in `failure`: a `code`, and a `message` for people.
These codes are Malipo's own. Any other is the provider's and passes through as it is, with the provider's text: with Stripe its
decline codes and error codes, such as `insufficient_funds`, or `resource_missing` for a token that Stripe does not know.
A capture, cancel or refund that Malipo refused has one of the codes above: {", ".join(f"`{code}`" for code in REFUSAL_CODES)}.
`GET /v1/payments/{{id}}/explain` shows the same for one payment."""


def page() -> str:
    """The page's text."""
    problems = [
        (f"`{code}`", str(kind.status), kind.title, kind.advice, _retry(kind.retry)) for code, kind in PROBLEMS.items()
    ]
    failures = [(f"`{code}`", own.why, own.advice) for code, own in OWN_FAILURES.items()]
    return document(
        "Problems",
        "services/gateway/src/gateway/edge/problems.py and libs/common/src/malipo/contracts/failures.py",
        _INTRO,
        table(("code", "status", "what it is", "what to do", "the same request again"), problems),
        "## Why it failed",
        _FAILURES,
        table(("code", "why", "what to do"), failures),
    )


def _retry(retry: Retry) -> str:
    if retry.safe:
        return f"after {retry.after_seconds} s" + ("" if retry.same_key else ", with a new key")
    return "no; a corrected one may use the same key" if retry.same_key else "no; another one needs a new key"
