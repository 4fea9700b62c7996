"""What is kept of a request beside the command that came of it. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple


class Origin(NamedTuple):
    """The request that a command came from: when and where it was made, with which key, and for which operation.

    `headers` are those of the command: the request's trace, and the merchant's own reference.
    """

    at: datetime
    route: str
    request_id: str
    key_id: str
    headers: Mapping[str, str]
    operation_id: str | None = None
