"""An answer before it goes on the wire: it can be stored, replayed, and spoilt by a fault."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from malipo_simulators.stripe.errors import StripeError
from malipo_simulators.stripe.shapes import Json

JSON = "application/json"

type Change = Callable[[object], object]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict[str, str])
    content_type: str = JSON
    is_replay: bool = False

    def replayed(self) -> "Answer":
        return replace(self, headers=self.headers | {"Idempotent-Replayed": "true"}, is_replay=True)


def answer_ok(body: Json) -> Answer:
    return Answer(200, encode(body))


def answer_error(error: StripeError) -> Answer:
    return Answer(error.status, encode({"error": error.body}), error.headers)


def encode(body: Json) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def bad_gateway() -> Answer:
    """What a proxy in front of the service says when it cannot reach it: a page, not JSON."""
    page = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
    return Answer(502, page, content_type="text/html")


def cut_short(answer: Answer) -> Answer:
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def with_other_amount(answer: Answer) -> Answer:
    """One minor unit more than was asked for, wherever the object names its amount."""
    return rewritten(answer, "amount", lambda value: value + 1 if isinstance(value, int) else value)


def with_unknown_status(answer: Answer) -> Answer:
    return rewritten(answer, "status", lambda _: "under_divination")


def rewritten(answer: Answer, name: str, change: Change) -> Answer:
    body: Json = json.loads(answer.body)
    if name in body:
        body[name] = change(body[name])
    return replace(answer, body=encode(body))
