"""Steps that operations of all providers are made of."""

import httpx

from chaos.operations.operation import Scene
from malipo_local.merchant import NeverHappened
from malipo_local.waiting import until

SECONDS = 60
"""The longest time that anything in an operation may take."""


def wait_a_little(scene: Scene) -> None:
    """Return once every message has been applied and its offset committed. Raises `NeverHappened`."""
    if not until(lambda: not scene.onlooker.behind(), SECONDS):
        message = f"messages are never applied: {scene.onlooker.behind()}"
        raise NeverHappened(message)


def wait_in_malipo(scene: Scene, payment_id: str, *statuses: str) -> None:
    """Return once the gateway shows one of these statuses. Raises `NeverHappened`."""
    query = "SELECT status FROM payments WHERE id = $1"

    def there() -> bool:
        return any(row["status"] in statuses for row in scene.onlooker.rows("gateway", query, payment_id))

    if not until(there, SECONDS):
        message = f"{payment_id} never reached {statuses}"
        raise NeverHappened(message)


def wait_ready(scene: Scene, service: str) -> None:
    """Return once the service can be reached, be it that it was just killed. Raises `NeverHappened`."""
    url = f"{scene.merchant.demo.stack.url(service)}/health/ready"

    def there() -> bool:
        try:
            return httpx.get(url, timeout=2).is_success
        except httpx.HTTPError:
            return False

    if not until(there, SECONDS):
        message = f"{service} was not ready within {SECONDS} s"
        raise NeverHappened(message)
