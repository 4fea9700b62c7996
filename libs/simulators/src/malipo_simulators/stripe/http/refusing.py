"""The API's refusals in control routes."""

from collections.abc import Generator
from contextlib import contextmanager

from fastapi import HTTPException

from malipo_simulators.stripe.errors import StripeError


@contextmanager
def refusing() -> Generator[None]:
    """Raise StripeErrors as FastAPI's, with the same status and message."""
    try:
        yield
    except StripeError as error:
        raise HTTPException(error.status, error.message) from error
