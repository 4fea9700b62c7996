"""Access tokens for a provider under test, without a database."""

import asyncio
from collections.abc import Awaitable, Callable

from provider_kit.errors import NotSent
from provider_kit.tokens import Fetch, TokenRefused


class MemoryTokens:
    """As `provider_kit.tokens.Tokens`, in this process alone."""

    def __init__(self) -> None:
        self._token: str | None = None
        self._one_at_a_time = asyncio.Lock()

    async def ready(self, account: str, fetch: Fetch) -> None:  # noqa: ARG002 - there is one
        """Have the token at hand."""
        await self._get(fetch, None)

    async def using[T](self, account: str, fetch: Fetch, call: Callable[[str], Awaitable[T]]) -> T:  # noqa: ARG002 - there is one
        """What `call` returns with a token; a refused one is fetched anew once."""
        token = await self._get(fetch, None)
        try:
            return await call(token)
        except TokenRefused:
            token = await self._get(fetch, token)
        try:
            return await call(token)
        except TokenRefused:
            raise NotSent("two access tokens refused", retry_after_seconds=5) from None

    async def _get(self, fetch: Fetch, refused: str | None) -> str:
        async with self._one_at_a_time:
            if self._token is None or self._token == refused:
                self._token = (await fetch()).token
            return self._token
