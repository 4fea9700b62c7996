"""Whether Redis is there, as all who use it find it: said once for all of them."""

from malipo.platform.logs import log


class RedisPresence:
    """The log says once that Redis is lost, by whoever notices first, and once that it is back, for everybody.

    A use is named by what the gateway does without Redis.
    """

    def __init__(self) -> None:
        self._lost: dict[str, str] = {}

    @property
    def problem(self) -> str | None:
        """Who misses Redis and why, else None."""
        return "; ".join(f"Redis is away, or refuses us ({why}): {use}" for use, why in self._lost.items()) or None

    def lost(self, use: str, error: Exception) -> None:
        """It did not serve for this."""
        if not self._lost:
            log.warning("redis away", error=str(error), meanwhile=use)
        self._lost[use] = str(error)

    def found(self, use: str) -> None:
        """It did."""
        if self._lost.pop(use, None) is not None and not self._lost:
            log.info("redis is back")
