"""docs/metrics.md: every metric of every service, from the modules that define them."""

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from prometheus_client.metrics import MetricWrapperBase

from malipo_local.services import SERVICES, Kind
from pages.markdown import document, table

_INTRO = """\
Each service answers `GET /metrics` on its admin port (`ADMIN_PORT`), always in the OpenMetrics format, for that carries exemplars. Names follow
Prometheus: base units, the unit last, and `_total` on counters, which the format adds. A histogram has `_bucket`, `_sum` and
`_count`: of `payment_retry`, `payment_retry_count` is how often anything was tried again. No label holds an id; where one payment matters, its id is the
exemplar. A metric described as *of all replicas* is shown by each of them: take the maximum, not the sum.

Beside these, each service has `python_*` and `process_*`, as the Prometheus client makes them."""

_ALERTS = """\
## Alerts

[deploy/observability/rules](../deploy/observability/rules) has them in Prometheus' format, each with its runbook; `make rules` tries that every one
fires when it should, and not when it nearly should. `page` wants somebody now, `ticket` somebody this week. They go by `job="malipo"`
and by `service`, the service's name, which the scrape has to give: [prometheus.yaml](../deploy/observability/prometheus.yaml) does."""
_RULES = Path(__file__).parents[2] / "deploy/observability/rules"
_LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")

_HEADER = ("metric", "type", "labels", "unit", "what it shows")
_UNITS = ("seconds", "bytes", "messages", "rows", "requests", "deliveries", "events")
_EVERYWHERE = ("malipo.platform", "malipo.messaging", "http_limits")
_PROVIDERS = ("provider_kit",)


class Described(NamedTuple):
    """One metric as the page shows it. `owner` is a service, or what several services share."""

    owner: str
    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


def page() -> str:
    """The page's text."""
    found = described()
    owners = ["every service", "every provider service", *_services()]
    sections = [_section(owner, [one for one in found if one.owner == owner]) for owner in owners]
    return document("Metrics", "the modules that count", _INTRO, _ALERTS, _alerts(), *sections)


def _alerts() -> str:
    """The table of all alerts, in the order of the files."""
    groups = [
        group for file in sorted(_RULES.glob("*.yaml")) for group in yaml.safe_load(file.read_text("utf-8"))["groups"]
    ]
    rules = [rule for group in groups for rule in group["rules"]]
    return table(("alert", "severity", "says", "what it means"), map(_alert, rules))


def _alert(rule: Mapping[str, Any]) -> tuple[str, ...]:
    summary, description = (_LABEL.sub(r"*\1*", rule["annotations"][part]) for part in ("summary", "description"))
    return f"`{rule['alert']}`", rule["labels"]["severity"], summary, description


def described() -> list[Described]:
    """Every metric, by owner and name."""
    seen = {id(metric): (owner, metric) for owner, metric in reversed(list(_metrics()))}
    return sorted(_describe(owner, metric) for owner, metric in seen.values())


def _services() -> dict[str, str]:
    """Services by name, with their packages."""
    return {row.name: row.module for row in SERVICES if row.kind is Kind.SERVICE}


def _metrics() -> Iterable[tuple[str, MetricWrapperBase]]:
    """Metrics with the owners of the modules that hold them: the defining modules before those that only import them."""
    owners = dict.fromkeys(_EVERYWHERE, "every service") | dict.fromkeys(_PROVIDERS, "every provider service")
    for package, owner in (owners | {package: name for name, package in _services().items()}).items():
        for module in _modules(package):
            for value in vars(sys.modules[module]).values():
                if isinstance(value, MetricWrapperBase):
                    yield owner, value


def _modules(package: str) -> list[str]:
    """Imports the modules of a package and of its rooms, except command lines and migrations; their names."""
    names = [one.name for one in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")]
    modules = [name for name in names if name.rpartition(".")[2] not in ("__main__", "migrations")]
    for module in modules:
        importlib.import_module(module)
    return modules


def _describe(owner: str, metric: MetricWrapperBase) -> Described:
    about = next(iter(metric.describe()))
    name = f"{about.name}_total" if about.type == "counter" else about.name
    return Described(owner, name, about.type, tuple(metric._labelnames), about.documentation)  # noqa: SLF001 - not shown elsewhere


def _section(owner: str, metrics: list[Described]) -> str:
    title = f"## {owner[0].upper()}{owner[1:]}" if " " in owner else f"## {owner}"
    return f"{title}\n\n" + (table(_HEADER, [_row(one) for one in metrics]) if metrics else "None of its own.")


def _row(metric: Described) -> tuple[str, ...]:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    unit = next((unit for unit in _UNITS if f"_{unit}" in metric.name), "")
    return f"`{metric.name}`", metric.kind, labels, unit, metric.meaning
