"""What Prometheus would find of a stack's service, and waiting for it."""

from collections.abc import Callable

import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from malipo_local import Stack
from malipo_local.waiting import until

SECONDS = 240


def value(stack: Stack, service: str, metric: str, **labels: str) -> float:
    """The sum of its samples with these labels."""
    answer = httpx.get(f"{stack.admin_url(service)}/metrics").raise_for_status()
    samples = [one for family in text_string_to_metric_families(answer.text) for one in family.samples]
    return sum(one.value for one in samples if one.name == metric and labels.items() <= one.labels.items())


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


def is_over(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    assert until(condition, seconds, 0.5)


def above(stack: Stack, service: str, metric: str, limit: float, seconds: float = SECONDS, **labels: str) -> None:
    """Return when a metric has passed the limit that its alert rings at."""
    last: list[float] = []

    def passed() -> bool:
        last[:] = [value(stack, service, metric, **labels)]
        return last[0] > limit

    assert until(passed, seconds, 0.5), f"{metric} of {service} is {last}, not above {limit}"
