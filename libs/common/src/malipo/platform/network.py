"""Whether the network may be used here: not by whoever puts a unit together, which may hold locks."""

from contextvars import ContextVar

in_unit: ContextVar[bool] = ContextVar("in_unit", default=False)
"""Set while this task puts a unit together."""


class NetworkInUnit(RuntimeError):
    """A network call was about to run within a unit, which may hold locks and may be done again: move it after the commit."""
