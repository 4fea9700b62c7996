"""What is not sent because our own database is away, where limits, tokens and the like are kept that all replicas share."""

from collections.abc import Generator
from contextlib import contextmanager

import asyncpg

from malipo.messaging import pool
from provider_kit.errors import NotReady

AWAY = (*pool.AWAY, asyncpg.PostgresError)
"""The errors of a statement by itself that say nothing about what it asks for."""


@contextmanager
def database_of(what: str) -> Generator[None]:
    """The block needs the database of `what`. Raises `NotReady` while that is away: nothing was sent, and no provider is to blame."""
    try:
        yield
    except AWAY as error:
        msg = f"the database of {what} is away"
        raise NotReady(msg) from error
