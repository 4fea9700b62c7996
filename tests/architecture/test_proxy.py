"""deploy/proxy/nginx.conf leads to what docker-compose.yml runs, and limits no less than the services do."""

import json
import re
from ipaddress import ip_address, ip_network

from architecture.composed import COMPOSE, CONTAINERS, OUR_SERVICES, ROOT, SIMULATORS

from gateway.edge.body import MAX_BODY_BYTES as MAX_REQUEST_BYTES
from gateway.edge.middleware import REQUEST_SECONDS
from gateway.edge.problems import PROBLEMS
from http_limits.limits import Limits
from malipo.contracts.providers import PROVIDERS
from provider_kit.callbacks import MAX_BODY_BYTES as MAX_CALLBACK_BYTES

PROXY = (ROOT / "deploy/proxy/nginx.conf").read_text("utf-8")
SHAPE = json.loads((ROOT / "docs/openapi.json").read_text("utf-8"))["components"]["schemas"]["Problem"]


def locations() -> dict[str, str]:
    """The proxy's locations with their directives."""
    return dict(re.findall(r"location (?:= )?(\S+) \{(.*?)\}", PROXY, re.DOTALL))


def proxied(name: str) -> str:
    """The one value of a directive."""
    found = set(re.findall(rf"^\s*{name} (.+?);", PROXY, re.MULTILINE))
    assert len(found) == 1, name
    return found.pop()


def test_services_are_reached_through_the_proxy_alone() -> None:
    published = {name for name, container in CONTAINERS.items() if "ports" in container}
    assert published == {row.name for row in SIMULATORS} | {"proxy"}
    assert set(re.findall(r"^\s*server [\w-]+:(\d+)", PROXY, re.MULTILINE)) == {
        CONTAINERS[row.name]["environment"]["HTTP_PORT"] for row in OUR_SERVICES if row.called
    }, "to no admin port"


def test_the_proxy_leads_to_the_gateway_and_to_each_providers_callbacks_and_passes_on_what_they_accept() -> None:
    callbacks = {provider.callbacks_at: f"provider-{name}" for name, provider in PROVIDERS.items()}
    for path, name in ({"/": "gateway"} | callbacks).items():
        assert f"proxy_pass http://{name};" in locations()[path]
        assert f"set $service {name};" in locations()[path], "where it goes once more"
        most = MAX_REQUEST_BYTES if name == "gateway" else MAX_CALLBACK_BYTES
        assert f"client_max_body_size {most // 1024}k;" in locations()[path]


def test_the_proxy_knows_each_replica_of_what_it_leads_to_and_goes_past_one_that_has_gone() -> None:
    upstreams = dict(re.findall(r"upstream (\S+) \{(.*?)\}", PROXY, re.DOTALL))
    assert set(upstreams) == set(re.findall(r"proxy_pass http://([\w-]+);", PROXY))
    for name, upstream in upstreams.items():
        assert f"server {name}:8080 resolve max_fails=0;" in upstream
        assert "keepalive 0;" in upstream
    assert proxied("proxy_next_upstream") == "error timeout non_idempotent"
    connecting, passing, answering = (
        int(proxied(name).removesuffix("s"))
        for name in ("proxy_connect_timeout", "proxy_next_upstream_timeout", "proxy_read_timeout")
    )
    assert connecting < passing < answering, (
        "after a connection that does not come about, never after an answer that does not"
    )


def test_what_the_proxy_may_send_again_has_one_effect() -> None:
    paths = json.loads((ROOT / "docs/openapi.json").read_text("utf-8"))["paths"]
    posts = {path: operations["post"] for path, operations in paths.items() if "post" in operations}
    keyed = {
        path
        for path, operation in posts.items()
        for one in operation.get("parameters", ())
        if one["name"] == "Idempotency-Key" and one["required"]
    }
    assert posts
    assert keyed == set(posts)


def test_the_services_trust_the_proxy_and_no_address_that_docker_assigns() -> None:
    (network,) = COMPOSE["networks"]["edge"]["ipam"]["config"]
    address = CONTAINERS["proxy"]["networks"]["edge"]["ipv4_address"]
    assert ip_address(address) in ip_network(network["subnet"])
    for chosen in ("172.16.0.0/12", "192.168.0.0/16"):  # by Docker, for networks that name none
        assert not ip_network(network["subnet"]).overlaps(ip_network(chosen))
    assert ip_address(address) not in ip_network(network["ip_range"])
    for row in OUR_SERVICES:
        assert CONTAINERS[row.name]["environment"].get("TRUSTED_PROXIES") == (address if row.called else None)
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in PROXY, "not what the client claims"


def test_the_proxy_limits_no_less_than_the_services_do() -> None:
    number, size = proxied("large_client_header_buffers").split()
    assert int(number) == 2, "of a head, and of what is pipelined behind it"
    assert int(size.removesuffix("k")) * 1024 == Limits.head_bytes, "one line may be as long as all that is taken"
    assert int(proxied("client_header_timeout").removesuffix("s")) <= Limits.head_seconds
    assert int(proxied("limit_conn addresses")) <= Limits.connections_per_address
    assert int(proxied("proxy_read_timeout").removesuffix("s")) > REQUEST_SECONDS
    assert proxied("proxy_request_buffering") == "on"


def test_what_the_proxy_answers_itself_is_a_problem_with_a_code_that_merchants_know() -> None:
    told = re.findall(r"error_page ([\d ]+?) (?:=(\d+) )?(@\w+|/problems/\w+);", PROXY)
    named = {int(status) for statuses, _, at in told if at.startswith("@") for status in statuses.split()}
    assert named == {404, 413, 502, 503, 504}
    unread = {int(status) for statuses, _, at in told if at.startswith("/") for status in statuses.split()}
    assert unread == {400, 414, *range(494, 498), 501, 505}, (
        "of which there is perhaps no address, and so no location by name"
    )
    for statuses, instead, at in told:
        kind = PROBLEMS[code := at.rpartition("/")[2].removeprefix("@")]
        answered = re.search(rf"location (?:= )?{at} \{{(.*?)return {kind.status} '(.*?)';", PROXY, re.DOTALL)
        assert answered, at
        assert ("internal;" in answered[1]) == at.startswith("/"), "nobody may ask for it"
        assert "default_type application/problem+json;" in answered[1]
        problem = json.loads(answered[2])
        assert (problem["code"], problem["status"]) == (code, kind.status) == (code, int(instead or statuses))
        assert set(problem) == set(SHAPE["required"])
        seconds = problem["retry"]["after_seconds"]
        assert (f"add_header Retry-After {seconds} always;" in answered[1]) == (seconds is not None)
    assert "proxy_intercept_errors" not in PROXY, "what a service answers passes untouched"


def test_a_callback_whose_address_lacks_its_end_is_refused_and_not_sent_elsewhere() -> None:
    for provider in PROVIDERS.values():
        assert "return 404;" in locations()[provider.callbacks_at.rstrip("/")]


def test_the_proxy_writes_no_address_of_a_callback_into_its_log():
    """It may end with a token, with which anyone could send hints."""
    callbacks = PROXY.split("location /callbacks/")[1:]
    assert callbacks
    assert all("error_log /dev/null" in one.split("}")[0] for one in callbacks)
    assert "access_log off" in PROXY
