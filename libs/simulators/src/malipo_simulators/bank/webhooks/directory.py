"""All endpoints and events of the bank."""

from functools import partial

from malipo_simulators.bank.settings import BankSettings
from malipo_simulators.bank.webhooks.endpoint import Endpoint, Signing, write_headers
from malipo_simulators.bank.webhooks.event import Event
from malipo_simulators.bank.webhooks.keys import Keys, OwnKeys
from malipo_simulators.kit.timeline import Timeline
from malipo_simulators.kit.webhooks.courier import Courier
from malipo_simulators.kit.webhooks.posting import Poster


class Webhooks:
    """What a reset forgets, the bank's own keys too."""

    def __init__(self, settings: BankSettings, poster: Poster) -> None:
        self._settings = settings
        self._poster = poster
        self.own_keys = OwnKeys()
        self.endpoints: dict[str, Endpoint] = {}
        self.events: Timeline[Event] = Timeline(settings.max_events)
        self._hurried_seconds = 0

    def add(self, endpoint_id: str, account_id: str, url: str, keys: Keys) -> Endpoint:
        """Raise OverflowError at the limit."""
        if len(self.endpoints) >= self._settings.max_accounts:
            raise OverflowError(self._settings.max_accounts)
        courier = Courier(url, partial(write_headers, keys), self._poster, self._settings)
        signing: Signing = "jws" if isinstance(keys, OwnKeys) else "hmac"
        endpoint = self.endpoints[endpoint_id] = Endpoint(endpoint_id, account_id, url, signing, keys, courier)
        return endpoint

    async def remove(self, endpoint: Endpoint) -> None:
        """With what is still on its way there."""
        del self.endpoints[endpoint.id]
        await endpoint.courier.close()

    def of_account(self, account_id: str) -> list[Endpoint]:
        return [endpoint for endpoint in self.endpoints.values() if endpoint.account_id == account_id]

    def couriers(self) -> list[Courier]:
        return [endpoint.courier for endpoint in self.endpoints.values()]

    def hurry(self, advanced_seconds: int) -> int:
        """Deliver what is due now that the clock was moved so far in all: each repeat once. Returns how many."""
        moved = advanced_seconds - self._hurried_seconds
        self._hurried_seconds = advanced_seconds
        return sum(courier.hurry(moved) for courier in self.couriers())
