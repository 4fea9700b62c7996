"""The apps of the developers' portal, and their access tokens."""

import hashlib
from dataclasses import dataclass, field

from malipo_simulators.kit.clock import Clock
from malipo_simulators.kit.ids import Ids, letters
from malipo_simulators.mpesa.errors import system_busy
from malipo_simulators.mpesa.settings import MpesaSettings

TOKEN_LENGTH = 28


@dataclass(slots=True, eq=False)
class App:
    """An account in the kit's sense. `tokens` are the live ones, each with the second at which it ends.

    `requests` came in the second `second`.
    """

    id: str
    created: int
    tokens: dict[str, int] = field(default_factory=dict[str, int])
    second: int = 0
    requests: int = 0


class Apps:
    """Every consumer key with its secret is an app of its own, made on first sight."""

    def __init__(self, ids: Ids, clock: Clock, settings: MpesaSettings) -> None:
        self._ids = ids
        self._clock = clock
        self._settings = settings
        self._apps: dict[str, App] = {}
        self._owners: dict[str, App] = {}

    def __len__(self) -> int:
        return len(self._apps)

    def of(self, consumer_key: str, consumer_secret: str) -> App:
        name = app_id(consumer_key, consumer_secret)
        app = self._apps.get(name)
        if app is None:
            if len(self._apps) >= self._settings.max_accounts:
                raise system_busy()
            app = self._apps[name] = App(name, self._clock.now())
        return app

    def issue(self, app: App) -> str:
        """A new token. It kills the app's last one, unless the settings let old ones live to their end."""
        for token, ends_at in list(app.tokens.items()):
            if not self._settings.keep_old_tokens or ends_at <= self._clock.now():
                self.kill(token)
        token = self._ids.draw("token", TOKEN_LENGTH)
        app.tokens[token] = self._clock.now() + self._settings.token_seconds
        self._owners[token] = app
        return token

    def owner(self, token: str) -> App | None:
        """The app whose live token this is."""
        app = self._owners.get(token)
        return app if app is not None and app.tokens[token] > self._clock.now() else None

    def in_a_hurry(self, app: App) -> bool:
        """Whether this request is one too many for its second. Without a limit none is."""
        now, most = self._clock.now(), self._settings.spike_arrest_per_second
        app.requests = app.requests + 1 if app.second == now else 1
        app.second = now
        return most is not None and app.requests > most

    def kill(self, token: str) -> None:
        app = self._owners.pop(token, None)
        if app is not None:
            del app.tokens[token]

    def kill_all(self, app_id: str | None = None) -> int:
        """End the tokens of one app, or of all. Returns how many."""
        tokens = [token for token, app in self._owners.items() if app_id in (None, app.id)]
        for token in tokens:
            self.kill(token)
        return len(tokens)


def app_id(consumer_key: str, consumer_secret: str) -> str:
    """The same key and secret always mean the same app, and cannot be read back from it."""
    return f"app_{letters(hashlib.sha256(f'{consumer_key}:{consumer_secret}'.encode()).digest(), 16)}"
