"""Waiting for what Prometheus would find of a stack's service."""

from collections.abc import Callable, Iterable

import httpx
from scraping import value

from malipo_local import Stack
from malipo_local.waiting import until
from operations.alerts import is_about, limit_of

SECONDS = 240


def problems(stack: Stack, service: str) -> dict[str, str]:
    """What its health page says is wrong, by check."""
    return httpx.get(f"{stack.admin_url(service)}/health/ready").json()["problems"]


def healthy(stack: Stack, service: str) -> bool:
    """Whether it is ready, and nothing is wrong."""
    try:
        answer = httpx.get(f"{stack.admin_url(service)}/health/ready")
    except httpx.HTTPError:
        return False
    return answer.status_code == 200 and not answer.json()["problems"]


def are_healthy(stack: Stack, services: Iterable[str]) -> None:
    """Return when each of these is ready, and nothing is wrong."""
    for service in services:
        assert until(lambda of=service: healthy(stack, of), SECONDS, 0.5), f"{service}: {problems(stack, service)}"


def is_over(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    assert until(condition, seconds, 0.5)


def above(
    stack: Stack,
    alert: str,
    service: str,
    metric: str,
    limit: float | None = None,
    seconds: float = SECONDS,
    **labels: str,
) -> None:
    """Return when a metric of an alert's rule has passed the limit that it rings at, or the one that is given."""
    most = limit_of(alert) if limit is None else limit
    _until(stack, alert, service, metric, lambda found: found > most, seconds, labels)


def below(stack: Stack, alert: str, service: str, metric: str, limit: float, **labels: str) -> None:
    """The same of one that rings below."""
    _until(stack, alert, service, metric, lambda found: found < limit, SECONDS, labels)


def _until(
    stack: Stack,
    alert: str,
    service: str,
    metric: str,
    passed: Callable[[float], bool],
    seconds: float,
    labels: dict[str, str],
) -> None:
    assert is_about(alert, metric, set(labels)), f"{alert} is not about {metric} by {set(labels)}"
    last: list[float] = []

    def is_passed() -> bool:
        last[:] = [value(stack, service, metric, **labels)]
        return passed(last[0])

    assert until(is_passed, seconds, 0.5), f"{metric} of {service} is {last}, which does not ring {alert}"
