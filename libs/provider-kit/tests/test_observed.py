"""What the metrics show of the calls of a provider."""

from prometheus_client import REGISTRY

from malipo.contracts.outcomes import ActionRequired, Redirect, Unknown


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
