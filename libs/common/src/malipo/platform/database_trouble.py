"""Why PostgreSQL does not let us in, in words for people."""

import os
import ssl

import asyncpg

from malipo.platform import database_url

_STARTING = (asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError)


def trouble(url: str, error: Exception) -> str:
    """What went wrong when we tried to connect by this URL, with the server's place and nothing secret."""
    return f"{database_url.place(url)} {_in_words(error)}"


def _in_words(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"shows a certificate that is not accepted: {error.verify_message}"
        case ssl.SSLError():
            return f"does not agree on TLS: {error.reason}"
        case TimeoutError():
            return "is not reached: no answer in time"
        case OSError(errno=int(number)) if number > 0:  # asyncio's own words have the address once more
            return f"is not reached: {os.strerror(number)}"
        case OSError():
            return f"is not reached: {error.strerror or error}"
        case asyncpg.InvalidAuthorizationSpecificationError():  # a wrong password, too; PostgreSQL names the role
            return f"refuses DATABASE_URL's role or password: {error}"
        case _ if isinstance(error, _STARTING):
            return f"takes nobody now: {error}"
        case _:
            return f"refuses DATABASE_URL: {error}"
