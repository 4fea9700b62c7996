"""deploy/observability/rules: every alert is about metrics that exist, fires when it should and not when it nearly should."""

import re

import pytest
import yaml
from observability.cases import CASES
from observability.promql import ROOT, declared, faults, read
from observability.promtool import RULES, alerts, counts, run

from malipo_local.go_tools import PROMTOOL

ALERTS = {rule["alert"]: rule for rule in alerts()}
EACH = pytest.mark.parametrize("name", sorted(ALERTS))


def test_every_alert_has_a_name_of_its_own_and_a_case_in_which_it_fires_and_one_in_which_it_nearly_does() -> None:
    assert len(ALERTS) == len(list(alerts()))
    assert set(CASES) == set(ALERTS)
    for name, cases in CASES.items():
        assert {case.labels is None for case in cases} == {True, False}, name


@EACH
def test_an_alert_is_about_metrics_and_labels_that_exist(name: str) -> None:
    assert faults(ALERTS[name]["expr"], declared()) == []


@EACH
def test_an_alert_says_what_is_wrong_for_whom_and_where_to_read_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert re.fullmatch(r"Malipo[A-Z]\w+", name)
    assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    told = rule["annotations"]
    assert told.keys() == {"summary", "description", "runbook_url"}
    assert told["runbook_url"] == f"docs/operations/runbooks/{name}.md"
    query = read(rule["expr"])
    carried = query.grouped or {"job", "service", "instance"}
    named = set(re.findall(r"\$labels\.(\w+)", told["summary"] + told["description"]))
    assert named <= carried
    assert query.grouped - {"le"} <= named, "who is told which one it is"


def test_a_query_of_what_is_not_there_is_found() -> None:
    known = declared()
    assert faults("sum by (nobody) (rate(malipo_messages_total[5m]))", known) == [
        "malipo_messages_total has no label nobody"
    ]
    assert faults('malipo_messages{topic="x"} > 0', known) == ["no metric malipo_messages"]
    assert faults('up{of="x"} == 0', known) == ["up has no label of"]


def test_every_case_holds_by_promtool() -> None:
    if not PROMTOOL.path.exists():
        pytest.skip("promtool is not built here: `make rules` builds it, which takes minutes, and runs these")
    held, said = run(PROMTOOL.path)
    assert held, said
    print(counts())  # noqa: T201 - what was tried


def test_prometheus_loads_every_file_of_rules() -> None:
    config = yaml.safe_load((ROOT / "deploy/observability/prometheus.yaml").read_text("utf-8"))
    assert config["rule_files"] == ["rules/*.yaml"]
    assert len(RULES) == 4
