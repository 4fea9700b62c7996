"""docs/generate.py writes what the code has, names what is stale, and refuses to break a topic."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCHEMA = "libs/common/schemas/webhooks.deliveries.v1.json"

WITH_BLOCKS = (
    "docker-compose.yml",
    "deploy/proxy/nginx.conf",
    "deploy/observability/prometheus.yaml",
    "deploy/helm/malipo/values.yaml",
    "pyproject.toml",
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository of documents, golden schemas, files with generated blocks, and what these show, only."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(ROOT / "libs/common/schemas", tmp_path / "libs/common/schemas")
    shutil.copytree(ROOT / "deploy/observability", tmp_path / "deploy/observability")
    shutil.copytree(ROOT / "deploy/helm/malipo", tmp_path / "deploy/helm/malipo")
    (tmp_path / "deploy/proxy").mkdir()
    (tmp_path / "tests/e2e").mkdir(parents=True)
    for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "tests/e2e/monthly_charge.py", *WITH_BLOCKS):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def generate(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "docs/generate.py", *arguments]
    return subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=60)


def test_a_stale_page_is_named_and_then_written(copy: Path) -> None:
    (copy / "docs/topics.md").write_text("old")
    (copy / SCHEMA).unlink()
    check = generate(copy, "--check")
    assert check.returncode == 1
    assert "docs/topics.md is stale: run `make docs`" in check.stdout
    assert f"{SCHEMA} is stale: run `make docs`" in check.stdout
    assert (copy / "docs/topics.md").read_text() == "old"
    assert generate(copy).returncode == 0
    again = generate(copy, "--check")
    assert (again.returncode, again.stdout) == (0, "")


def test_what_follows_from_the_providers_in_hand_written_files_is_written_anew_and_nothing_else(copy: Path) -> None:
    before = {name: (copy / name).read_text() for name in WITH_BLOCKS}
    for name, text in before.items():
        (copy / name).write_text(re.sub("provider[-_]stripe", "provider-acme", text))
    check = generate(copy, "--check")
    assert [f"{name} is stale: run `make docs`" in check.stdout for name in WITH_BLOCKS] == [True] * len(WITH_BLOCKS)
    assert generate(copy).returncode == 0
    assert {name: (copy / name).read_text() for name in WITH_BLOCKS} == before


def test_a_change_that_breaks_a_topic_is_refused_and_nothing_is_written(copy: Path) -> None:
    golden = json.loads((copy / SCHEMA).read_text())
    golden["messages"]["$defs"]["DeliveryReported"]["properties"]["latency"] = {"type": "integer"}
    (copy / SCHEMA).write_text(json.dumps(golden))
    (copy / "docs/topics.md").write_text("old")
    refused = generate(copy)
    assert refused.returncode == 1
    assert "webhooks.deliveries.v1/DeliveryReported.latency: the field was removed" in refused.stdout
    assert "new topic version" in refused.stdout
    assert json.loads((copy / SCHEMA).read_text()) == golden
    assert (copy / "docs/topics.md").read_text() == "old"


def test_the_page_of_metrics_has_every_alert() -> None:
    page = (ROOT / "docs/metrics.md").read_text("utf-8")
    rules = "".join(file.read_text("utf-8") for file in (ROOT / "deploy/observability/rules").glob("*.yaml"))
    names = re.findall(r"- alert: (\w+)", rules)
    assert names
    assert [name for name in names if f"| `{name}` |" not in page] == []


@pytest.mark.parametrize("name", ["asyncapi.json", "openapi.json"])
def test_every_reference_inside_a_generated_document_resolves(name: str) -> None:
    document = json.loads((ROOT / "docs" / name).read_text("utf-8"))
    assert [target for target in set(references(document)) if not resolves(document, target)] == []


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(target := node.get("$ref"), str):
            yield target
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def resolves(document: Any, target: str) -> bool:
    for part in target.removeprefix("#/").split("/"):
        if part not in document:
            return False
        document = document[part]
    return True
