"""Steps that operations of all providers are made of."""

from collections.abc import Callable

import httpx

from chaos.operations.operation import Scene
from malipo_local.merchant import NeverHappened
from malipo_local.waiting import until

SECONDS = 60
"""The longest time that anything in an operation may take."""
LOOK_AFTER = "UPDATE timers SET due_at = now() WHERE subject_id = $1 RETURNING 1"
"""At the orchestrator: as if the time had passed after which a customer, or what is held, is looked after."""
PART = 500
"""What is captured or refunded of a payment, in minor units, where it is not all of it."""


def fault(simulator: httpx.Client, name: str, **rule: object) -> None:
    """Have a provider misbehave, by a rule of its simulator."""
    simulator.post("/_sim/faults", json={"fault": name, **rule}).raise_for_status()


def forget_faults(simulator: httpx.Client) -> str:
    """Remove the faults that a crash has left of an earlier operation. Returns no payment's id, as a `prepare` that makes none."""
    simulator.delete("/_sim/faults").raise_for_status()
    return ""


def cancel(scene: Scene, payment_id: str) -> None:
    """Cancel an authorized payment."""
    scene.merchant.request(f"/v1/payments/{payment_id}/cancel", {})


def refund(scene: Scene, payment_id: str) -> None:
    """Refund part of a payment."""
    scene.merchant.request(f"/v1/payments/{payment_id}/refunds", {"amount": PART})


def wait(complaint: str, condition: Callable[[], bool]) -> None:
    """Return once it is so. Raises `NeverHappened`."""
    if not until(condition, SECONDS, 0.2):
        raise NeverHappened(complaint)


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
    url = f"{scene.merchant.demo.stack.admin_url(service)}/health/ready"

    def there() -> bool:
        try:
            return httpx.get(url, timeout=2).is_success
        except httpx.HTTPError:
            return False

    if not until(there, SECONDS):
        message = f"{service} was not ready within {SECONDS} s"
        raise NeverHappened(message)
