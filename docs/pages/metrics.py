"""docs/metrics.md: every metric of every service, from the modules that define them."""

import importlib
import pkgutil
import sys
from collections.abc import Iterable
from typing import NamedTuple

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
## Alert on these first

| when | because |
|---|---|
| `malipo_outcomes_ignored_total{reason="contradiction"}` rises | a provider reported the opposite of its earlier outcome: a person has to look at its dashboard |
| `malipo_messages_total{result="dead_lettered"}` rises | a message cannot be applied: read its reason in the dead letters, mend, redrive ([topics.md](topics.md)) |
| `malipo_sent_again_total` rises | Kafka, or a consumer, has lost what was accepted: it was resent, and comes right by itself; find out what deletes records, or which consumer skips them ([0023](decisions/0023-a-net-beneath-every-hop.md)) |
| `malipo_deleted_unread_messages_total` rises | Kafka has deleted what a group had not read: retention is shorter than an outage was, or somebody deletes records; the log names partition and offset, and what was lost comes right by itself ([0023](decisions/0023-a-net-beneath-every-hop.md)) |
| `malipo_partitions_ahead_months` is 0, or `malipo_partitions_stray_rows` above it | a table has no next month, or rows have come without one: nothing fails, and `retention` makes it ([operations/retention.md](operations/retention.md#months)) |
| `malipo_partitions_resting` is above zero | a record cannot be read, and all that is behind it in its partition waits: the log and `/health/ready` show where, and how to step over it ([0021](decisions/0021-a-partition-that-cannot-be-read-rests.md)). With `topic="merchants.config.v1"` at once: charges of its merchants fail ([topics.md](topics.md#what-no-consumer-can-read)) |
| `malipo_polls_failed_total` rises | the same, or this process's group membership is in trouble: `/health/ready` shows which |
| `malipo_provider_unmatched_total` with other `concerns` than `others` rises | a dispute, a refund made in the dashboard, or an operation under an id of ours that Malipo does not know: `python -m provider_stripe unmatched` (locally `make unmatched`) lists them |
| `malipo_suspense_open` is above zero | money came that no payment explains: `python -m orchestrator suspense list` (locally `make suspense ARGS=list`) shows it, and the payment that its purpose names, and a person assigns it, or settles it without a payment; `malipo_suspense_oldest_seconds` shows how long it waits |
| `malipo_provider_statement_age_seconds` is above half of what the provider shows (M-Pesa: a day; a partner bank: a week; PayPal and Stripe: fifteen days, but more than one means that nothing is read; at three quarters somebody must act) | an account's statement is not read: the log line `statement not read` names its credential and when it will be too late, `statement cannot be read` the reason ([0050](decisions/0050-a-statement-is-read-up-to-a-time.md)) |
| `malipo_provider_statement_gaps_total` rises | it was too late: look up in the provider's portal what came between the two times that the log line `statement missed` names |
| `malipo_provider_statement_transactions_total{result="late"}` rises | the provider has shown transactions later than Malipo waits for them: they were found when the statement was read once more, M-Pesa's each hour, PayPal's and a partner bank's each day, and may correct payments that had failed |
| `malipo_bank_certificate_not_after_seconds - time()` is below 1209600, two weeks | a client certificate for a partner bank expires: get a new one from the bank, and PUT the credentials with it ([bank.md](providers/bank.md#rotation)); on its last day nothing can be sent any more |
| `malipo_bank_statements_total{result="unbalanced"}` rises | a partner bank's statement of a day does not add up, and nothing of it is believed: the log line `the bank's statement does not add up` names credential and day, and the bank has to mend it ([0070](decisions/0070-one-address-for-all-accounts.md)) |
| `malipo_doubt_oldest_seconds` is above an hour | a payment is long in doubt: the provider does not answer, or its book shows nothing |
| `malipo_kafka_away_seconds` is above a minute | no broker answers: payments and callbacks are stored, and wait; `/health/ready` says why |
| `malipo_outbox_age_seconds` is above ten seconds | what waits there is not sent: Kafka is away, or refuses a topic, or a session that does nothing holds the relay's locks; `/health/ready` says which |
| `malipo_health_problems` is above zero for minutes | a service is degraded or not ready: `/health/ready` says what is wrong, and why |
| `malipo_webhook_oldest_due_seconds` is above a minute | merchants are notified late |"""

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
    return document("Metrics", "the modules that count", _INTRO, _ALERTS, *sections)


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
