"""deploy/observability/grafana: each dashboard asks for what services show, at a data source that there is, and is provisioned."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from architecture.composed import EVERYTHING, OUR_SERVICES
from observability.promql import ROOT, declared, faults

from malipo.contracts.providers import PROVIDERS

GRAFANA = ROOT / "deploy/observability/grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
EACH = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text("utf-8"))


def targets(file: Path) -> list[dict[str, str]]:
    return [target for panel in read(file)["panels"] for target in panel["targets"]]


def test_there_is_one_of_the_promise_of_each_service_and_of_each_provider() -> None:
    services = {f"service-{row.name}" for row in OUR_SERVICES}
    assert {file.stem for file in FILES} == {"promise", *services, *(f"provider-{name}" for name in PROVIDERS)}
    assert len({read(file)["uid"] for file in FILES}) == len(FILES)


@EACH
def test_a_dashboard_asks_for_metrics_and_labels_that_exist(file: Path) -> None:
    known = declared()
    wrong = {target["expr"]: found for target in targets(file) if (found := faults(target["expr"], known))}
    assert wrong == {}


@EACH
def test_a_legend_names_labels_that_its_query_keeps(file: Path) -> None:
    for target in targets(file):
        named = {part.partition("}}")[0] for part in target["legendFormat"].split("{{")[1:]}
        kept = (
            target["expr"].partition("by (")[2].partition(")")[0].split(", ")
            if "by (" in target["expr"]
            else ["instance"]
        )
        assert named <= set(kept), target


@EACH
def test_a_panel_reads_a_data_source_that_is_provisioned_and_lies_on_no_other_panel(file: Path) -> None:
    sources = yaml.safe_load((GRAFANA / "sources.yaml").read_text("utf-8"))["datasources"]
    known = {(source["type"], source["uid"]) for source in sources}
    panels = read(file)["panels"]
    assert {(panel["datasource"]["type"], panel["datasource"]["uid"]) for panel in panels} <= known
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)
    assert {panel["gridPos"]["x"] + panel["gridPos"]["w"] for panel in panels} <= {8, 16, 24}


def test_compose_provisions_the_dashboards_and_shows_the_promise_first() -> None:
    grafana = EVERYTHING["grafana"]
    (provider,) = yaml.safe_load((GRAFANA / "dashboards.yaml").read_text("utf-8"))["providers"]
    inside = provider["options"]["path"]
    assert f"./deploy/observability/grafana/dashboards:{inside}:ro" in grafana["volumes"]
    home = Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (str(home.parent), home.name) == (inside, "promise.json")
    assert (GRAFANA / "dashboards" / home.name) in FILES


def test_compose_has_prometheus_read_the_rules_and_the_collector_hand_traces_to_jaeger() -> None:
    prometheus = EVERYTHING["prometheus"]
    assert "./deploy/observability/rules:/etc/prometheus/rules:ro" in prometheus["volumes"]
    assert "--config.file=/etc/prometheus/prometheus.yml" in prometheus["command"]
    collector = yaml.safe_load((ROOT / "deploy/observability/collector.yaml").read_text("utf-8"))
    parts = {kind: set(collector[kind]) for kind in ("receivers", "processors", "exporters")}
    for pipeline in collector["service"]["pipelines"].values():
        assert all(set(pipeline[kind]) <= names for kind, names in parts.items())
    (exporter,) = collector["exporters"].values()
    assert exporter["endpoint"] == "http://jaeger:4318"
    assert collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(":4318")
    assert {"collector", "jaeger"} <= set(EVERYTHING)
    assert all("telemetry" in EVERYTHING[name]["networks"] for name in ("collector", "jaeger", "prometheus"))
