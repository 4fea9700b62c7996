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

from helm.pods import hooks
from helm.rendering import CHART, Object, Rendered, Values, accepted, base, merged, refused, render
from helm.tools import ROOT, tool
from http_limits.addresses import AddressRefused, check_address
from malipo_local.go_tools import NoGo

ACCEPTED, REFUSED = accepted(), refused()
_SCHEMAS = ROOT / "deploy/helm/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json"
_INGRESS = {"enabled": True, "host": "pay.shop.example", "tlsSecret": "pay-tls"}
_MPESA = {
    "enabled": True,
    "existingSecret": "m",
    "ownerSecret": "mo",
    "settings": {"CALLBACK_BASE_URL": "https://pay.example"},
}
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
    except NoGo as why:
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
    assert ways["gateway"] == {"database", "kafka", "redis", "public", "metrics"}
    assert ways["orchestrator"] == {"database", "kafka", "metrics"}
    assert ways["provider-stripe"] == {"database", "kafka", "internet", "public", "metrics"}
    assert ways["webhook-dispatcher"] == {"database", "kafka", "internet", "metrics"}
    assert ways["retention-gateway"] == {"database"}
    assert (ways["topics"], ways["migrate-gateway"]) == ({"topics-hook"}, {"migrate-hook"})
    assert (ways["shell-gateway"], ways["shell-topics"]) == ({"database", "kafka", "redis"}, {"kafka"})


def test_steps_reach_what_they_need_whatever_the_policies_of_the_release_before_allow(rendering: Renders) -> None:
    made = hooks(
        rendering(
            {
                "kafka": {"bootstrap": "kafka-3.example:9095"},
                "networkPolicy": {"database": {"ports": [6432]}},
                "jobs": {"egress": [{"ports": [{"protocol": "TCP", "port": 8200}]}]},
                "services": {"provider-mpesa": _MPESA},
            }
        )
    )
    order = [(one["kind"], one["metadata"]["name"].removeprefix("shop-malipo-")) for one in made]
    assert order.index(("NetworkPolicy", "topics-hook")) < order.index(("Job", "topics"))
    assert order.index(("NetworkPolicy", "migrate-hook")) < order.index(("Job", "migrate-provider-mpesa"))
    assert allowed(made, "topics") == {53, 9095, 8200}
    assert allowed(made, "migrate-provider-mpesa") == {53, 6432, 8200}


@pytest.mark.parametrize(
    ("kafka", "topics", "allows"), [("OAUTHBEARER", "PLAIN", {53, 9093}), ("PLAIN", "OAUTHBEARER", {53, 9093, 8443})]
)
def test_the_topics_step_asks_for_tokens_where_it_shows_some(
    rendering: Renders, kafka: str, topics: str, allows: set[int]
) -> None:
    oauth = {"tokenUrl": "https://id.example:8443/token"}
    found = rendering({"kafka": {"saslMechanism": kafka, "oauth": oauth}, "topics": {"saslMechanism": topics}})
    assert allowed(hooks(found), "topics") == allows


def allowed(found: Iterable[Object], component: str) -> set[int]:
    """The ports that policies which name the component let it connect to."""
    rules = [
        rule
        for one in found
        if one["kind"] == "NetworkPolicy"
        for expression in one["spec"]["podSelector"].get("matchExpressions", ())
        if component in expression["values"]
        for rule in one["spec"].get("egress", ())
    ]
    return {port["port"] for rule in rules for port in rule["ports"]}


def test_what_stands_still_has_no_replica_and_nothing_that_makes_some(results: dict[str, Rendered]) -> None:
    found = results["all services stand still, also those that are scaled"].objects
    assert {one["spec"]["replicas"] for one in of_kind(found, "Deployment").values()} == {0}
    for kind in ("HorizontalPodAutoscaler", "ScaledObject", "TriggerAuthentication", "PodDisruptionBudget"):
        assert of_kind(found, kind) == {}


def test_one_service_stands_still_while_others_go_on(rendering: Renders) -> None:
    found = rendering({"services": {"orchestrator": {"stopped": True}}})
    replicas = {name: one["spec"]["replicas"] for name, one in of_kind(found, "Deployment").items()}
    assert replicas == {"gateway": 2, "orchestrator": 0, "provider-stripe": 2, "webhook-dispatcher": 2}
    assert set(of_kind(found, "PodDisruptionBudget")) == {"gateway", "provider-stripe", "webhook-dispatcher"}


def test_a_shell_is_told_and_given_what_its_service_is(results: dict[str, Rendered]) -> None:
    found = results["shells, and what a mesh and an agent ask of pods that end"].objects
    jobs = of_kind(found, "Job")
    for name, deployment in of_kind(found, "Deployment").items():
        pod, shell = (one["spec"]["template"]["spec"] for one in (deployment, jobs[f"shell-{name}"]))
        assert shell["volumes"] == pod["volumes"]
        for what in ("image", "env", "envFrom", "volumeMounts", "resources", "securityContext"):
            assert shell["containers"][0][what] == pod["containers"][0][what]


def test_a_release_has_no_shells_of_its_own(rendering: Renders) -> None:
    assert not [name for name in of_kind(rendering(), "Job") if name.startswith("shell-")]


def test_every_pod_that_ends_has_what_a_mesh_asks_of_it_and_no_other_pod(results: dict[str, Rendered]) -> None:
    found = results["shells, and what a mesh and an agent ask of pods that end"].objects
    templates = [one["spec"]["template"] for one in of_kind(found, "Job").values()]
    templates += [one["spec"]["jobTemplate"]["spec"]["template"] for one in of_kind(found, "CronJob").values()]
    for template in templates:
        assert template["metadata"]["annotations"] == {"sidecar.istio.io/inject": "false"}
        component = template["metadata"]["labels"]["app.kubernetes.io/component"]
        assert (template["metadata"]["labels"]["team"], 8200 in allowed(found, component)) == ("payments", True)
    for name, one in of_kind(found, "Deployment").items():
        assert "sidecar.istio.io/inject" not in one["spec"]["template"]["metadata"]["annotations"]
        assert 8200 not in allowed(found, name)


def test_what_is_archived_alone_has_the_archive(results: dict[str, Rendered]) -> None:
    jobs = of_kind(results["months that are archived"].objects, "CronJob")
    pods = {name: one["spec"]["jobTemplate"]["spec"]["template"]["spec"] for name, one in jobs.items()}
    assert [name for name, pod in pods.items() if "--archive" in pod["containers"][0]["args"]] == [
        "retention-gateway",
        "retention-orchestrator",
    ]
    assert [name for name, pod in pods.items() if any(one["name"] == "archive" for one in pod["volumes"])] == [
        "retention-gateway",
        "retention-orchestrator",
    ]


def test_pods_listen_where_they_have_addresses(results: dict[str, Rendered]) -> None:
    told = of_kind(results["addresses of IPv6 alone"].objects, "ConfigMap")
    assert {one["data"]["ADMIN_HOST"] for one in told.values()} == {"::"}
    assert {name: one["data"]["HTTP_HOST"] for name, one in told.items() if "HTTP_HOST" in one["data"]} == {
        "gateway": "::",
        "provider-stripe": "::",
    }


def test_a_cluster_may_choose_who_pods_are_but_not_that_they_are_root(results: dict[str, Rendered]) -> None:
    for one in of_kind(results["OpenShift"].objects, "Deployment").values():
        context = one["spec"]["template"]["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(context)
    for one in of_kind(results["a user and groups of one's own"].objects, "Deployment").values():
        assert one["spec"]["template"]["spec"]["securityContext"]["runAsUser"] == 1_000_650_000


def test_a_service_has_what_a_load_balancer_is_told_by(results: dict[str, Rendered]) -> None:
    services = of_kind(results["a load balancer of a cloud"].objects, "Service")
    assert services["gateway"]["metadata"]["annotations"] == {
        "cloud.google.com/backend-config": '{"default": "malipo"}'
    }
    assert "annotations" not in services["orchestrator"]["metadata"]


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
