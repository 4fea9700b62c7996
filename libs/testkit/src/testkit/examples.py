"""What a provider's conformance tests are made of: examples, stories, and what the laws look at in an outcome."""

import inspect
import re
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from malipo.contracts.descriptor import Personal
from malipo.contracts.marks import marked
from malipo.contracts.outcomes import ActionRequired, Approval, Outcome, Redirect, Unknown
from provider_kit.calls import Verb
from provider_kit.errors import BadSignature, Misconfigured, NotSent
from provider_kit.provider import Ages, Attempt, NamedOperation, Provider, ProviderOperation
from testkit.transports import Reply

_OPEN = re.compile(r'raise NotImplementedError\(\s*"([^"]+)"')


@dataclass(frozen=True)
class Example:
    """The response of the provider's API to an operation, or with the other verb to a query of it, and the outcome that it
    means; `ages` are the attempt's.
    """

    operation: ProviderOperation
    reply: Reply
    outcome: Outcome
    verb: Verb = "execute"
    ages: Ages = field(default_factory=Ages)


@dataclass(frozen=True)
class Story:
    """One transaction in two reports: by a callback, and by the API's response to a query about `operation`.

    `references` are the provider's ids by which a callback without our own names the operation.
    """

    operation: ProviderOperation
    event: object
    reply: Reply
    references: frozenset[str] = frozenset()


def names(reported: NamedOperation, story: Story) -> bool:
    """Whether a callback names the story's operation: by our id of it, or by ids that the provider gave it."""
    if reported.operation_id is not None:
        return reported.operation_id == story.operation.operation_id
    return bool(story.references & set(reported.references.values()))


def redirecting(example: Example, url: str) -> Reply:
    """The example's response with another address in place of the page that the customer is sent to."""
    assert isinstance(example.outcome, ActionRequired)
    assert isinstance(example.outcome.action, Redirect | Approval)
    body = msgspec.json.encode(example.reply.body)
    return replace(example.reply, body=body.replace(example.outcome.action.url.encode(), url.encode()))


def require_doubt(outcome: Outcome, *, silent: bool) -> None:
    """Assert that an outcome is `Unknown`, and whether it counts as the provider being down."""
    assert isinstance(outcome, Unknown), outcome
    assert outcome.silent == silent, outcome


def masks(attempt: Attempt) -> list[str]:
    """What everybody sees in place of each personal text of a charge's method."""
    if attempt.method is None:
        return []
    return [mark.mask(text) for _, mark, text in marked(attempt.method, Personal)]


def other_end(text: str) -> str:
    """The text with another last character: it makes a signature a forged one."""
    return text[:-1] + ("0" if text[-1:] != "0" else "1")


def texts(value: Any) -> list[str]:
    """Every text inside `value`."""
    if isinstance(value, str):
        return [value]
    parts: Any = value.values() if hasattr(value, "values") else value
    return [text for part in parts for text in texts(part)]


async def raised_or_logged(call: Awaitable[object]) -> str:
    """All that a call returns, or raises with its cause: where a secret could be."""
    try:
        return repr(await call)
    except (NotSent, Misconfigured, BadSignature) as error:
        return f"{error!r} {error.__cause__!r}"


def left_to_write(suite: type, provider: Provider) -> list[str]:
    """What raises `NotImplementedError` with a text, in the suite's file and beside the provider's; and an empty descriptor."""
    files = [Path(inspect.getfile(suite)), *sorted(Path(inspect.getfile(type(provider))).parent.glob("*.py"))]
    descriptor = provider.descriptor
    nothing = (
        [] if descriptor.operations else [f"contracts/providers/{descriptor.name}.py: methods, operations, traits"]
    )
    return nothing + [found for path in files for found in _OPEN.findall(path.read_text("utf-8"))]
