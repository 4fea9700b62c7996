"""docs/watching: what is drawn is what Prometheus answers to a dashboard's own queries."""

import json
from typing import Any

import httpx
import pytest
from observability.promql import ROOT
from watching.drawing import page

DASHBOARD = json.loads((ROOT / "deploy/observability/grafana/dashboards/promise.json").read_text("utf-8"))
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def drawn(answer: Any, status: int = 200) -> tuple[str, list[str]]:
    """The page over four minutes, and what was asked for it."""
    asked = []

    def prometheus(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["query"])
        return httpx.Response(status, json={"data": {"result": answer}})

    with httpx.Client(base_url="http://prometheus.test", transport=httpx.MockTransport(prometheus)) as client:
        return page(DASHBOARD, client, 1000, 1240), asked


def test_every_query_is_asked_and_each_series_is_a_line_under_its_legend() -> None:
    series = {"metric": {"subject": "<payment>"}, "values": [[1000, "0"], [1100, "NaN"], [1240, "3"]]}
    text, asked = drawn([series])
    assert len(asked) == len(QUERIES)
    assert not any("$__" in query for query in asked)
    assert text.count("<polyline") == len(QUERIES)
    assert text.count("<section>") == len(DASHBOARD["panels"])
    assert "&lt;payment&gt;" in text
    assert "nan" not in text
    assert "not by Grafana" in text, "the picture says what it is"


def test_a_query_that_is_refused_ends_it() -> None:
    with pytest.raises(httpx.HTTPStatusError):
        drawn([], 400)
