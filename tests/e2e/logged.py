"""What a service of a stack has logged."""

import json
from collections.abc import Iterator
from contextlib import suppress

from malipo_local.merchant import Json
from malipo_local.stack import Stack


def logged(stack: Stack, service: str) -> Iterator[Json]:
    """Its lines, but what a kill has cut short, and what was no service's own."""
    with suppress(FileNotFoundError):  # a story may have a part of the stack alone
        for line in stack.log_path(service).read_text("utf-8", "replace").splitlines():
            with suppress(json.JSONDecodeError):
                if line.startswith("{"):
                    yield json.loads(line)
