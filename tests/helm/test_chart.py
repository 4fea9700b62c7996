"""The chart with many sets of values: those that go together are rendered to what Kubernetes takes, the others are refused in words."""

import ipaddress
import json
import re
import subprocess
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm.rendering import CHART, Object, Rendered, Values, accepted, base, merged, refused, render
from helm.tools import ROOT, NoTool, tool
from http_limits.addresses import AddressRefused, check_address

ACCEPTED, REFUSED = accepted(), refused()
_SCHEMAS = ROOT / "deploy/helm/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"
_INGRESS = {"enabled": True, "host": "pay.shop.example", "tlsSecret": "pay-tls"}
_ADDRESSES = (
    *(
        "10.1.2.3",
        "172.31.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "168.63.129.16",
        "100.64.0.1",
        "127.0.0.1",
        "224.0.0.1",
    ),
    *("fd00:ec2::254", "fe80::1", "::1", "64:ff9b::a01:203", "2001:db8::1", "2002::1"),
    *("8.8.8.8", "1.1.1.1", "2606:4700::1111"),
)

pytestmark = pytest.mark.timeout(900)  # the first time programs are built

type Renders = Callable[..., list[Object]]


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    try:
        tool("render")
        tool("kubeconform")
    except NoTool as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    """What came of every set."""
    sets = ACCEPTED | {name: values for name, (values, _) in REFUSED.items()}
    return dict(zip(sets, render(list(sets.values()), tmp_path_factory.mktemp("values")), strict=True))


@pytest.fixture
def rendering(tmp_path: Path) -> Renders:
    """Renders the least set with more."""

    def of(more: Values | None = None) -> list[Object]:
        (one,) = render([merged(base(), more or {})], tmp_path)
        return one.objects

    return of


def of_kind(found: Iterable[Object], kind: str) -> dict[str, Any]:
    """These of a kind, by component."""
    return {one["metadata"]["labels"]["app.kubernetes.io/component"]: one for one in found if one["kind"] == kind}


@pytest.mark.parametrize("name", ACCEPTED)
def test_values_that_go_together_are_rendered(results: dict[str, Rendered], name: str) -> None:
    assert results[name].objects
    assert "docs/operations/kubernetes.md" in results[name].notes


@pytest.mark.parametrize("name", REFUSED)
def test_values_that_do_not_are_refused_with_what_to_do(results: dict[str, Rendered], name: str) -> None:
    assert REFUSED[name][1] in results[name].refused


def test_kubernetes_and_the_operators_take_what_is_rendered(results: dict[str, Rendered], tmp_path: Path) -> None:
    for name in ACCEPTED:
        (tmp_path / f"{name}.yaml").write_text(results[name].manifests)
    judged = subprocess.run(
        [tool("kubeconform"), "-strict", "-summary", "-schema-location", str(_SCHEMAS), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout
    assert "Invalid: 0, Errors: 0, Skipped: 0" in judged.stdout


def test_the_same_values_are_rendered_to_the_same(results: dict[str, Rendered], tmp_path: Path) -> None:
    again = render(list(ACCEPTED.values()), tmp_path)
    assert again == [results[name] for name in ACCEPTED]


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_object_has_a_name_that_fits_and_no_two_have_one(results: dict[str, Rendered], name: str) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in results[name].objects]
    assert len(set(names)) == len(names)
    assert [found for kind, found in names if len(found) > (52 if kind == "CronJob" else 63)] == []


def test_no_secret_is_made_of_what_is_named(rendering: Renders) -> None:
    assert of_kind(rendering(), "Secret") == {}


def test_a_setting_replaces_the_pods_of_its_service_alone(rendering: Renders) -> None:
    before = of_kind(rendering(), "Deployment")
    after = of_kind(rendering({"services": {"gateway": {"settings": {"WAIT_SECONDS": 1}}}}), "Deployment")
    assert [name for name in before if before[name] != after[name]] == ["gateway"]


def test_a_new_version_of_the_chart_alone_replaces_no_pods(rendering: Renders) -> None:
    for deployment in of_kind(rendering(), "Deployment").values():
        assert deployment["metadata"]["labels"]["helm.sh/chart"].startswith("malipo-")
        assert "helm.sh/chart" not in deployment["spec"]["template"]["metadata"]["labels"]


def test_the_public_reaches_the_gateway_and_callbacks_alone(results: dict[str, Rendered]) -> None:
    (ingress,) = of_kind(results["every provider"].objects, "Ingress").values()
    paths = ingress["spec"]["rules"][0]["http"]["paths"]
    ways = {one["path"]: (one["pathType"], one["backend"]["service"]["name"]) for one in paths}
    assert ways == {
        "/": ("Prefix", "shop-malipo-gateway"),
        "/callbacks/bank/": ("Prefix", "shop-malipo-provider-bank"),
        "/callbacks/paypal/": ("Prefix", "shop-malipo-provider-paypal"),
        "/callbacks/phone/": ("Prefix", "shop-malipo-provider-mpesa"),
        "/callbacks/stripe/": ("Prefix", "shop-malipo-provider-stripe"),
        "/webhook/payments": ("Exact", "shop-malipo-provider-bank"),
    }
    assert {one["backend"]["service"]["port"]["name"] for one in paths} == {"http"}


def test_callbacks_of_a_provider_that_is_not_enabled_lead_nowhere(rendering: Renders) -> None:
    found = rendering({"ingress": _INGRESS, "trustedProxies": "10.0.0.0/8"})
    (ingress,) = of_kind(found, "Ingress").values()
    assert {one["path"] for one in ingress["spec"]["rules"][0]["http"]["paths"]} == {"/", "/callbacks/stripe/"}


@pytest.mark.parametrize("address", _ADDRESSES)
def test_the_policy_lets_out_what_the_dispatcher_calls_and_nothing_else(rendering: Renders, address: str) -> None:
    policies = [one for one in rendering() if one["metadata"]["name"] == "shop-malipo-internet"]
    (rule,) = policies[0]["spec"]["egress"]
    blocks = [peer["ipBlock"] for peer in rule["to"]]
    try:
        check_address(address, allow_loopback=False)
        called = True
    except AddressRefused:
        called = False
    assert any(lets(block, address) for block in blocks) is called
    assert [port["port"] for port in rule["ports"]] == [443]


def lets(block: dict[str, Any], address: str) -> bool:
    """Whether an ipBlock has the address."""
    one = ipaddress.ip_address(address)
    return one in ipaddress.ip_network(block["cidr"]) and not any(
        one in ipaddress.ip_network(but) for but in block["except"]
    )


def test_each_service_reaches_what_it_needs_and_no_more(rendering: Renders) -> None:
    ways: dict[str, set[str]] = {}
    for policy in (one for one in rendering() if one["kind"] == "NetworkPolicy"):
        for expression in policy["spec"]["podSelector"].get("matchExpressions", ()):
            for component in expression["values"]:
                ways.setdefault(component, set()).add(policy["metadata"]["name"].removeprefix("shop-malipo-"))
    assert ways["gateway"] == {"database", "kafka", "redis", "called", "metrics"}
    assert ways["orchestrator"] == {"database", "kafka", "metrics"}
    assert ways["provider-stripe"] == {"database", "kafka", "internet", "called", "metrics"}
    assert ways["webhook-dispatcher"] == {"database", "kafka", "internet", "metrics"}
    assert (ways["topics"], ways["migrate-gateway"], ways["retention-gateway"]) == (
        {"kafka"},
        {"database"},
        {"database"},
    )


def test_the_orchestrator_is_given_no_keys(rendering: Renders) -> None:
    told = {name: one["data"] for name, one in of_kind(rendering(), "ConfigMap").items()}
    assert [name for name, data in told.items() if "KEY_RING_FILE" in data] == [
        "gateway",
        "provider-stripe",
        "webhook-dispatcher",
    ]
    assert [name for name, data in told.items() if "REDIS_URL_FILE" in data] == ["gateway"]


def test_a_replica_has_all_the_time_that_it_may_take_to_stop(rendering: Renders) -> None:
    for deployment in of_kind(rendering({"drainSeconds": 30.5, "stopSeconds": 60}), "Deployment").values():
        assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 31 + 60 + 25


def test_large_numbers_are_told_without_an_exponent(rendering: Renders) -> None:
    found = rendering({"services": {"gateway": {"settings": {"RATE_LIMIT_BURST": 1_000_000, "WAIT_SECONDS": 2.5}}}})
    data = of_kind(found, "ConfigMap")["gateway"]["data"]
    assert (data["RATE_LIMIT_BURST"], data["WAIT_SECONDS"]) == ("1000000", "2.5")


def test_the_guides_values_are_rendered(tmp_path: Path) -> None:
    guide = (ROOT / "docs/operations/kubernetes.md").read_text("utf-8")
    first, with_nginx = (
        yaml.safe_load(textwrap.dedent(block)) for block in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    )
    (one,) = render([merged(first, with_nginx)], tmp_path)
    assert of_kind(one.objects, "Ingress")["ingress"]["metadata"]["annotations"]
    named = {"malipo-keys", "malipo-topics", "malipo-gateway", "malipo-gateway-owner"}
    assert {name for name in named if f"create secret generic {name}" in guide} == named


def test_alerts_and_dashboards_come_as_they_are_tested(results: dict[str, Rendered]) -> None:
    found = results["everything watched"].objects
    groups = [group for one in found if one["kind"] == "PrometheusRule" for group in one["spec"]["groups"]]
    files = sorted((ROOT / "deploy/observability/rules").glob("*.yaml"))
    assert groups == [group for path in files for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]
    shown = [one for one in found if one["metadata"]["labels"].get("grafana_dashboard")]
    dashboards = {name: json.loads(text) for one in shown for name, text in one["data"].items()}
    files = (ROOT / "deploy/observability/grafana/dashboards").glob("*.json")
    assert dashboards == {f"malipo-{path.name}": json.loads(path.read_text("utf-8")) for path in files}


def test_what_a_chart_ships_of_other_folders_is_as_it_is_there() -> None:
    copies = {path.relative_to(CHART / "files"): path.read_text("utf-8") for path in CHART.glob("files/*/*")}
    ours = ROOT / "deploy/observability"
    there = {f"rules/{path.name}": path for path in ours.glob("rules/*.yaml")}
    there |= {f"dashboards/{path.name}": path for path in ours.glob("grafana/dashboards/*.json")}
    assert copies == {Path(name): path.read_text("utf-8") for name, path in there.items()}
