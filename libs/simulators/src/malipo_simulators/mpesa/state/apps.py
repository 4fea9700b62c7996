"""The apps of the developers' portal, and how many requests each has made within a second."""

import hashlib
from dataclasses import dataclass

from malipo_simulators.kit.clock import Clock
from malipo_simulators.kit.ids import letters
from malipo_simulators.mpesa.errors import system_busy
from malipo_simulators.mpesa.settings import MpesaSettings


@dataclass(slots=True, eq=False)
class App:
    """An account in the kit's sense. `requests` came in the second `second`."""

    id: str
    created: int
    second: int = 0
    requests: int = 0


class Apps:
    """Every consumer key with its secret is an app of its own, made on first sight."""

    def __init__(self, clock: Clock, settings: MpesaSettings) -> None:
        self._clock = clock
        self._settings = settings
        self._apps: dict[str, App] = {}

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

    def find(self, app_id: str | None) -> App | None:
        return self._apps.get(app_id) if app_id else None

    def in_a_hurry(self, app: App) -> bool:
        """Whether this request is one too many for its second. Without a limit none is."""
        now, most = self._clock.now(), self._settings.spike_arrest_per_second
        app.requests = app.requests + 1 if app.second == now else 1
        app.second = now
        return most is not None and app.requests > most


def app_id(consumer_key: str, consumer_secret: str) -> str:
    """The same key and secret always mean the same app, and cannot be read back from it."""
    return f"app_{letters(hashlib.sha256(f'{consumer_key}:{consumer_secret}'.encode()).digest(), 16)}"
