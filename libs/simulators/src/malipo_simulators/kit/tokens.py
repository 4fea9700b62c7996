"""Access tokens: whose each is, until it ends by its age, by the next one, or by a test."""

from malipo_simulators.kit.clock import Clock
from malipo_simulators.kit.ids import Ids


class Tokens:
    """Each begins with the `prefix`, and has `length` letters and digits after it, as the provider's do.

    `one_at_a_time`: a new one ends the client's last one; else they live beside each other.
    """

    def __init__(
        self,
        ids: Ids,
        clock: Clock,
        token_seconds: int,
        *,
        prefix: str = "",
        length: int = 40,
        one_at_a_time: bool = False,
    ) -> None:
        self._ids = ids
        self._clock = clock
        self._token_seconds = token_seconds
        self._prefix = prefix
        self._length = length
        self._one_at_a_time = one_at_a_time
        # In the order of their ends, as all live equally long.
        self._owners: dict[str, tuple[str, int]] = {}

    def issue(self, client_id: str) -> str:
        self._forget_old()
        if self._one_at_a_time:
            self.kill_all(client_id)
        token = self._prefix + self._ids.draw("token", self._length)
        self._owners[token] = (client_id, self._clock.now() + self._token_seconds)
        return token

    def owner(self, token: str) -> str | None:
        """The client id whose live token this is."""
        client_id, ends_at = self._owners.get(token, (None, 0))
        return client_id if ends_at > self._clock.now() else None

    def kill(self, token: str) -> None:
        self._owners.pop(token, None)

    def kill_all(self, client_id: str | None) -> int:
        """Of one client, or of all; how many there were."""
        dying = [token for token, (owner, _) in self._owners.items() if client_id in (None, owner)]
        for token in dying:
            self.kill(token)
        return len(dying)

    def _forget_old(self) -> None:
        while self._owners:
            token = next(iter(self._owners))
            if self._owners[token][1] > self._clock.now():
                return
            del self._owners[token]
