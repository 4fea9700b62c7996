"""A response before it goes on the wire: it can be stored, replayed, and spoilt by a fault."""

import json
from dataclasses import dataclass, field, replace

from malipo_simulators.kit.shapes import Json

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. `is_replay`: it was given before, and is given again under the same idempotency key."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict[str, str])
    content_type: str = JSON
    is_replay: bool = False


class Refusal(Exception):
    """A response that is no 2xx, raised wherever it is decided. A simulator's errors are subclasses.

    `remembered`: it is stored under the idempotency key and replayed; else the request may be sent again under that key.
    """

    def __init__(self, answer: Answer, *, remembered: bool = False) -> None:
        super().__init__(answer.status, answer.body.decode())
        self.answer = answer
        self.remembered = remembered


def encode(body: Json) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def bad_gateway() -> Answer:
    """What a proxy in front of the service answers when it cannot reach it: a page, not JSON."""
    page = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
    return Answer(502, page, content_type="text/html")


def cut_short(answer: Answer) -> Answer:
    return replace(answer, body=answer.body[: len(answer.body) // 2])
