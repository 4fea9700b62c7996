"""What the metrics show of the calls of a provider."""

from prometheus_client import REGISTRY
from starlette.requests import Request

from malipo.contracts.outcomes import ActionRequired, Redirect, Unknown
from malipo.platform.metrics import metrics_page
from provider_kit.errors import NotSent


def charges(verb: str, result: str) -> float:
    labels = {"provider": "fake", "verb": verb, "kind": "charge", "result": result}
    return REGISTRY.get_sample_value("malipo_provider_calls_total", labels) or 0


async def test_operations_and_queries_are_counted_apart_by_results_as_a_timeline_names_them(kit, make):
    executed, queried = charges("execute", "unknown"), charges("query", "action_required")
    approve = ActionRequired(action=Redirect("https://bank.example"), reference="obj_1")
    kit.provider.script = [Unknown(reason="timeout"), approve]
    await kit.handle(make.charge(), make.query())
    await kit.run()
    await kit.run()
    assert (charges("execute", "unknown"), charges("query", "action_required")) == (executed + 1, queried + 1)


def retries(what: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(what, {"provider": "fake", "kind": "charge", **labels}) or 0


async def scraped() -> str:
    return (await metrics_page(Request({"type": "http"}))).body.decode()


async def test_tries_after_the_first_are_found_by_exactly_the_name_payment_retry_count(kit, make):
    before = retries("payment_retry_count")
    kit.provider.script = [NotSent("no connection", retry_after_seconds=1)]
    await kit.handle(make.charge())
    await kit.run()
    await kit.make_due()
    await kit.run()
    assert retries("payment_retry_count") == before + 1
    assert "payment_retry_count" in {line.split("{")[0] for line in (await scraped()).splitlines()}
    assert '{payment_id="pay_1"}' in await scraped()  # the exemplar
