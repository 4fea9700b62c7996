"""What a scrape of a service's metrics finds."""

from collections.abc import Iterable

import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


def families(stack, service: str) -> list:
    answer = httpx.get(f"{stack.admin_url(service)}/metrics").raise_for_status()
    return list(text_string_to_metric_families(answer.text))


def samples(stack, service: str, name: str, **labels: str) -> list[Sample]:
    found: Iterable[Sample] = (sample for family in families(stack, service) for sample in family.samples)
    return [sample for sample in found if sample.name == name and labels.items() <= sample.labels.items()]


def value(stack, service: str, name: str, **labels: str) -> float:
    return sum(sample.value for sample in samples(stack, service, name, **labels))
