"""What takes minutes to build judges the chart, too: helm itself, kube-score, and rules of ours by conftest. `make chart` runs it."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm.rendering import CHART, NAMESPACE, RELEASE, Object, Rendered, accepted, objects, render
from helm.tools import ROOT, tool
from malipo_local.go_tools import NoGo

ACCEPTED = accepted()
_RULES = ROOT / "deploy/helm/policy"
_UNJUDGED = {
    "container-image-pull-policy": "tags are not moved, and digests cannot be",
    "deployment-has-host-podantiaffinity": "topologySpreadConstraints do the same, and better where there are zones",
}
"""Tests of kube-score that are left out, each with its reason."""
_FEW, _OPEN = "Deployment few replicas", "The pod does not have a matching NetworkPolicy"
_CHOSEN = {"The container is running with a low user ID", "The container running with a low group ID"}
_MEANT: dict[str, set[str]] = {
    "one replica of each": {_FEW},
    "no network policies": {_OPEN},
    "scaled by what waits": {_FEW},  # kube-score knows no KEDA
    "scaled by what waits, by mutual TLS": {_FEW},
    "one service scaled by what waits, another by the processor": {_FEW},
    "all services stand still, also those that are scaled": {_FEW},
    "OpenShift": _CHOSEN,  # by the cluster
}
"""What kube-score says of sets that mean it."""

pytestmark = [pytest.mark.whole, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    try:
        for name in ("render", "helm", "kube-score", "conftest"):
            tool(name)
    except NoGo as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    """What came of every set, whose values are in files of the same folder."""
    return dict(zip(ACCEPTED, render(list(ACCEPTED.values()), tmp_path_factory.mktemp("values")), strict=True))


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([tool(name), *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ACCEPTED)
def test_helm_finds_nothing_to_complain_of_and_renders_the_same(
    results: dict[str, Rendered], name: str, tmp_path: Path
) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(dict(ACCEPTED[name])))
    linted = run("helm", "lint", "--strict", "--quiet", CHART, "--values", values)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    done = run("helm", "template", RELEASE, CHART, "--namespace", NAMESPACE, "--values", values)
    assert by_name(objects(done.stdout)) == by_name(results[name].objects)


def by_name(found: list[Object]) -> dict[tuple[str, str], Object]:
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


@pytest.mark.parametrize("name", ACCEPTED)
def test_kube_score_finds_nothing(results: dict[str, Rendered], name: str, tmp_path: Path) -> None:
    (manifests := tmp_path / "manifests.yaml").write_text(results[name].manifests)
    left_out = [word for test in _UNJUDGED for word in ("--ignore-test", test)]
    judged = run("kube-score", "score", "--output-format", "ci", "--ignore-container-cpu-limit", *left_out, manifests)
    assert complaints(judged.stdout) == _MEANT.get(name, set())


def complaints(said: str) -> set[str]:
    """What is neither right nor left out, of whichever container."""
    return {
        re.sub(r"^\(\S+\) ", "", line.rpartition(": ")[2])
        for line in said.splitlines()
        if line.startswith(("[CRITICAL]", "[WARNING]"))
    }


@pytest.mark.parametrize("name", ACCEPTED)
def test_our_rules_refuse_nothing(results: dict[str, Rendered], name: str, tmp_path: Path) -> None:
    assert refusals(results[name].manifests, tmp_path) == ""


def refusals(manifests: str, folder: Path) -> str:
    (path := folder / "manifests.yaml").write_text(manifests)
    judged = run("conftest", "test", "--combine", "--no-color", "--policy", _RULES, path)
    return "" if judged.returncode == 0 else judged.stdout + judged.stderr


def pod(one: Object) -> dict[str, Any]:
    return one["spec"]["template"]["spec"]


def inside(one: Object) -> dict[str, Any]:
    return pod(one)["containers"][0]


BROKEN: dict[str, tuple[str, Callable[[Object], Any], str]] = {
    "root": ("Deployment", lambda one: pod(one)["securityContext"].pop("runAsNonRoot"), "its pods may run as root"),
    "capabilities": ("Job", lambda one: inside(one)["securityContext"].pop("capabilities"), "keeps capabilities"),
    "a root to write to": (
        "Deployment",
        lambda one: inside(one)["securityContext"].pop("readOnlyRootFilesystem"),
        "may write to its root",
    ),
    "a token": ("Deployment", lambda one: pod(one).pop("automountServiceAccountToken"), "are given a token"),
    "a folder of the node": (
        "Deployment",
        lambda one: pod(one)["volumes"].append({"name": "n", "hostPath": {"path": "/"}}),
        "of a kind that is not allowed",
    ),
    "no limit of memory": (
        "Deployment",
        lambda one: inside(one)["resources"]["limits"].pop("memory"),
        "has no limit of memory",
    ),
    "a limit of the processor": (
        "Deployment",
        lambda one: inside(one)["resources"]["limits"].update(cpu="1"),
        "has a limit of the processor",
    ),
    "an image without a tag": (
        "Deployment",
        lambda one: inside(one).update(image="malipo/gateway"),
        "may be another one tomorrow",
    ),
    "a password in a ConfigMap": (
        "ConfigMap",
        lambda one: one["data"].update(KAFKA_PASSWORD="p"),
        "has KAFKA_PASSWORD, which is secret",
    ),
    "a URL with a password": (
        "ConfigMap",
        lambda one: one["data"].update(SOME="redis://u:p@r"),
        "has SOME, which is secret",
    ),
    "a secret variable": (
        "Deployment",
        lambda one: inside(one)["env"].append({"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}),
        "has A as a variable",
    ),
    "no budget": (
        "PodDisruptionBudget",
        lambda one: one["spec"]["selector"]["matchLabels"].update(a="b"),
        "has no PodDisruptionBudget",
    ),
    "no spread": (
        "Deployment",
        lambda one: pod(one)["topologySpreadConstraints"].pop(),
        "is not spread over kubernetes.io/hostname",
    ),
    "a probe of the public port": (
        "Deployment",
        lambda one: inside(one)["readinessProbe"]["httpGet"].update(port="http"),
        "has no readinessProbe on its admin port",
    ),
    "a log that is gone": (
        "Job",
        lambda one: one["metadata"]["annotations"].update({"helm.sh/hook-delete-policy": "hook-failed"}),
        "takes the log of a failure with it",
    ),
    "a step for ever": ("Job", lambda one: one["spec"].pop("activeDeadlineSeconds"), "may run for ever"),
    "an Ingress to metrics": (
        "Ingress",
        lambda one: one["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"].update(name="admin"),
        "Ingress shop-malipo-ingress leads to",
    ),
    "a way into the inside": (
        "NetworkPolicy",
        lambda one: [
            peer["ipBlock"]["except"].clear()
            for rule in one["spec"].get("egress", ())
            for peer in rule.get("to", ())
            if "ipBlock" in peer
        ],
        "without all of the inside",
    ),
    "no denial": (
        "NetworkPolicy",
        lambda one: one["spec"].update(policyTypes=["Ingress"]),
        "no policy denies its pods",
    ),
    "a port of the node": ("Service", lambda one: one["spec"].update(type="NodePort"), "is reached from outside"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_of_our_rules_refuses_what_it_is_for(results: dict[str, Rendered], name: str, tmp_path: Path) -> None:
    kind, breaks, said = BROKEN[name]
    found = results["every provider"].objects
    for one in found:
        if one["kind"] == kind:
            breaks(one)
    assert said in refusals(yaml.safe_dump_all(found), tmp_path)
