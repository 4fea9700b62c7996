"""Provider credentials and webhook endpoints: sealed, masked, and published whole."""

import base64
import json

import pytest

from malipo.contracts.commands import CreatePayment
from malipo.contracts.config import MerchantConfigured, secret_owner
from malipo.contracts.providers import PROVIDERS
from malipo.platform.secrets import SecretUnreadable


async def published(gateway) -> list[MerchantConfigured]:
    return [message for message in await gateway.sent() if isinstance(message, MerchantConfigured)]


async def put(merchant, body):
    return await merchant.send("PUT", "/v1/provider-credentials/stripe", body)


async def test_credentials_are_shown_masked_and_never_again(gateway, make):
    merchant = await gateway.merchant(configured=False)
    made = await put(merchant, make.credentials)
    assert made.status_code == 201
    shown = made.json()
    assert shown["account"] == "default"
    assert shown["credentials"] == {"secret_key": "sk_test_...9f3a", "webhook_secrets": ["whsec_...77c1"]}
    assert shown["callback_path"] == f"/callbacks/stripe/{shown['id']}"
    assert (await merchant.get("/v1/provider-credentials/stripe")).json() == shown
    assert (await merchant.get("/v1/provider-credentials")).json()["data"] == [shown]
    for table in ("provider_credentials", "outbox", "idempotency_keys", "audit_log"):
        rows = await gateway.pool.fetch(f"SELECT t::text AS row FROM {table} t")
        assert not [row for row in rows if "MalipoMalipo" in row["row"]]
    sent = await gateway.pool.fetch("SELECT payload FROM outbox")
    assert not [row for row in sent if b"MalipoMalipo" in row["payload"]]


async def test_a_short_secret_is_masked_whole(gateway):
    merchant = await gateway.merchant(configured=False)
    shown = (await put(merchant, {"secret_key": "sk_test_short"})).json()
    assert shown["credentials"]["secret_key"] == "sk_test_..."


async def test_they_open_with_the_key_ring_and_their_owner_only(gateway, merchant, make):
    credential = (await published(gateway))[-1].credentials[0]
    key_ring, owner = gateway.dependencies.key_ring, secret_owner(merchant.id, "test", credential.id)
    assert json.loads(key_ring.open(credential.ciphertext, owner=owner)) == make.credentials
    with pytest.raises(SecretUnreadable):
        key_ring.open(credential.ciphertext, owner=secret_owner("mer_other", "test", credential.id))


async def test_each_change_sends_the_whole_configuration_at_a_new_version(gateway, merchant, make):
    await merchant.post("/v1/webhook-endpoints", {"url": "http://shop.example/a", "event_types": ["payment.completed"]})
    live = await gateway.key_of(merchant.id, mode="live")
    await live.post("/v1/webhook-endpoints", {"url": "https://shop.example/live"})
    first = (await merchant.get("/v1/provider-credentials/stripe")).json()
    replaced = await put(merchant, {"secret_key": "sk_test_another"})
    assert (replaced.status_code, replaced.json()["id"]) == (200, first["id"])
    await merchant.send("DELETE", "/v1/provider-credentials/stripe")
    sent = await published(gateway)
    assert [message.version for message in sent] == [1, 2, 3, 4, 5]
    assert [len(message.credentials) for message in sent] == [1, 1, 1, 1, 0]
    assert [[endpoint.url for endpoint in message.endpoints] for message in sent[1:3]] == [
        ["http://shop.example/a"],
        ["http://shop.example/a", "https://shop.example/live"],
    ]
    assert [(endpoint.mode, endpoint.event_types) for endpoint in sent[-1].endpoints] == [
        ("test", ("payment.completed",)),
        ("live", ()),
    ]


async def test_payments_carry_the_version_that_they_rely_on(gateway, merchant):
    await merchant.post("/v1/webhook-endpoints", {"url": "http://shop.example/a"})
    await merchant.pay()
    assert (await gateway.sent())[-1].config_version == 2


async def test_an_endpoint_shows_its_secret_once(gateway, merchant):
    made = await merchant.post(
        "/v1/webhook-endpoints",
        {"url": "http://shop.example/a", "description": "shop", "event_types": ["payment.completed"]},
    )
    shown = made.json()
    secret = shown.pop("secret")
    assert made.status_code == 201
    assert made.headers["Location"] == f"/v1/webhook-endpoints/{shown['id']}"
    assert made.headers["Cache-Control"] == "no-store"
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert (await merchant.get(made.headers["Location"])).json() == shown
    assert (await merchant.get("/v1/webhook-endpoints")).json()["data"] == [shown]
    endpoint = (await published(gateway))[-1].endpoints[0]
    owner = secret_owner(merchant.id, "test", shown["id"])
    assert gateway.dependencies.key_ring.open(endpoint.secret_ciphertext, owner=owner).decode() == secret


async def test_a_deleted_endpoint_is_gone_everywhere(gateway, merchant):
    made = (await merchant.post("/v1/webhook-endpoints", {"url": "http://shop.example/a"})).json()
    path = f"/v1/webhook-endpoints/{made['id']}"
    assert (await merchant.send("DELETE", path)).status_code == 204
    assert (await published(gateway))[-1].endpoints == ()
    for method in ("GET", "DELETE"):
        response = await merchant.send(method, path)
        assert (response.status_code, response.json()["code"]) == (404, "webhook_endpoint_not_found")


async def test_there_is_a_limit_of_endpoints(gateway, merchant):
    for number in range(20):
        url = f"http://shop.example/{number}"
        assert (await merchant.post("/v1/webhook-endpoints", {"url": url})).status_code == 201
    response = await merchant.post("/v1/webhook-endpoints", {"url": "http://shop.example/more"})
    assert (response.status_code, response.json()["code"]) == (409, "webhook_endpoint_limit")
    assert (await published(gateway))[-1].version == 21


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"secret_key": "pk_test_public"}, "/secret_key", "secret_key_invalid"),
        ({"secret_key": "sk_live_abroad"}, "/secret_key", "credential_mode_mismatch"),
        ({"secret_key": "sk_test_x y z"}, "/secret_key", "secret_key_invalid"),
        ({"secret_key": 5}, "/secret_key", "type_wrong"),
        ({}, "/secret_key", "field_missing"),
        ({"secret_key": "sk_test_good", "webhook_secrets": ["x"]}, "/webhook_secrets/0", "webhook_secret_invalid"),
        ({"secret_key": "sk_test_good", "webhook_secrets": ["whsec_abcd"] * 6}, "/webhook_secrets", "too_many_entries"),
        ({"secret_key": "sk_test_good", "user": "x"}, "/user", "field_unknown"),
    ],
)
async def test_bad_credentials_name_their_field_and_change_nothing(gateway, body, field, code):
    merchant = await gateway.merchant(configured=False)
    response = await put(merchant, body)
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert response.json()["errors"][0]["field"] == field
    assert "abroad" not in response.text
    assert await published(gateway) == []


@pytest.mark.parametrize("field", ["consumer_key", "consumer_secret", "passkey", "initiator", "initiator_password"])
async def test_what_no_key_or_password_is_made_of_is_refused_before_it_is_stored(gateway, field):
    merchant = await gateway.merchant(configured=False)
    good = PROVIDERS["mpesa"].credentials.model_config["json_schema_extra"]["example"]
    for sent in ("key\0", "key\n"):
        body = good | {"initiator": "shop", "initiator_password": "example"} | {field: sent}
        response = await merchant.send("PUT", "/v1/provider-credentials/mpesa/accounts/corner-shop", body)
        assert (response.status_code, response.json()["code"]) == (422, "text_control_characters")
        assert [one["field"] for one in response.json()["errors"]] == [f"/{field}"]
    assert await published(gateway) == []


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "/url", "field_missing"),
        ({"url": "shop.example"}, "/url", "url_invalid"),
        ({"url": "ftp://shop.example"}, "/url", "url_invalid"),
        ({"url": "http://u:p@shop.example"}, "/url", "url_invalid"),
        ({"url": "http://shop.example/#x"}, "/url", "url_invalid"),
        ({"url": "http://shop.example:0/"}, "/url", "url_invalid"),
        ({"url": "http://[::1/"}, "/url", "url_invalid"),
        ({"url": "http://shop.example/a b"}, "/url", "url_invalid"),
        ({"url": "http://shop.example/", "event_types": ["everything"]}, "/event_types/0", "event_type_invalid"),
        (
            {"url": "http://shop.example/", "event_types": ["payment.completed"] * 51},
            "/event_types",
            "too_many_entries",
        ),
    ],
)
async def test_a_bad_endpoint_names_its_field_and_changes_nothing(gateway, merchant, body, field, code):
    response = await merchant.post("/v1/webhook-endpoints", body)
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert response.json()["errors"][0]["field"] == field
    assert len(await published(gateway)) == 1


async def test_live_webhooks_go_to_https_only(gateway):
    live = await gateway.merchant(mode="live")
    for url in ("http://shop.example/", "https://shop.example:8443/"):
        response = await live.post("/v1/webhook-endpoints", {"url": url})
        assert (response.status_code, response.json()["code"]) == (422, "url_not_https")


@pytest.mark.parametrize("mode", ["test", "live"])
@pytest.mark.parametrize(
    ("url", "code", "reason"),
    [
        ("https://10.0.0.1/", "url_not_public", "private use (RFC 1918)"),
        ("https://169.254.169.254/latest/meta-data/", "url_not_public", "cloud metadata"),
        ("https://[::ffff:192.168.0.1]/", "url_not_public", "private use (RFC 1918)"),
        ("https://metadata.google.internal/", "url_not_public", "internal"),
        ("https://intranet/", "url_not_public", "no dot"),
        ("https://2130706433/", "url_invalid", "cannot be read"),
        ("https://shop.example./", "url_invalid", "none is empty"),
    ],
)
async def test_an_endpoint_that_could_never_be_reached_is_refused_with_the_reason(
    gateway, merchant, mode, url, code, reason
):
    client = merchant if mode == "test" else await gateway.merchant(mode="live")
    response = await client.post("/v1/webhook-endpoints", {"url": url})
    assert (response.status_code, response.json()["code"]) == (422, code)
    (error,) = response.json()["errors"]
    assert (error["field"], error["code"]) == ("/url", code)
    assert reason in error["detail"]
    assert (await client.get("/v1/webhook-endpoints")).json()["data"] == []


async def test_this_machine_may_be_called_in_test_mode_where_a_setting_allows_it(gateway, merchant):
    live = await gateway.merchant(mode="live")
    for url in ("http://127.0.0.1:9000/hooks", "http://localhost:9000/hooks", "https://[::1]:9443/"):
        assert (await merchant.post("/v1/webhook-endpoints", {"url": url})).status_code == 201
        assert (await live.post("/v1/webhook-endpoints", {"url": url})).status_code == 422


async def test_a_name_that_a_setting_lists_may_be_called_in_test_mode(replica):
    lists = await replica(allow_loopback=False, allow_hosts="merchant-sim")
    merchant, live = await lists.merchant(), await lists.merchant(mode="live")
    body = {"url": "http://merchant-sim:12112/hooks/shop"}
    assert (await merchant.post("/v1/webhook-endpoints", body)).status_code == 201
    assert (await live.post("/v1/webhook-endpoints", body)).status_code == 422


async def test_without_that_setting_test_mode_is_as_strict_as_live_mode(replica):
    strict = await replica(allow_loopback=False)
    merchant = await strict.merchant()
    for url in ("http://127.0.0.1:9000/hooks", "https://localhost/", "http://shop.example/"):
        assert (await merchant.post("/v1/webhook-endpoints", {"url": url})).status_code == 422
    assert (await merchant.post("/v1/webhook-endpoints", {"url": "https://shop.example/"})).status_code == 201


async def test_configuration_of_another_merchant_or_mode_is_not_there(gateway, merchant):
    made = (await merchant.post("/v1/webhook-endpoints", {"url": "http://shop.example/a"})).json()
    for other in (await gateway.merchant(configured=False), await gateway.key_of(merchant.id, mode="live")):
        assert (await other.get("/v1/provider-credentials")).json()["data"] == []
        assert (await other.get("/v1/webhook-endpoints")).json()["data"] == []
        for path, code in (
            ("/v1/provider-credentials/stripe", "provider_credentials_not_found"),
            ("/v1/provider-credentials/%00", "provider_credentials_not_found"),
            (f"/v1/webhook-endpoints/{made['id']}", "webhook_endpoint_not_found"),
        ):
            for method in ("GET", "DELETE"):
                response = await other.send(method, path)
                assert (response.status_code, response.json()["code"]) == (404, code)


async def test_missing_credentials_are_named_with_the_route_that_sets_them(merchant):
    for method in ("GET", "DELETE"):
        missing = await merchant.send(method, "/v1/provider-credentials/stripe/accounts/berlin")
        assert missing.json()["detail"] == (
            "There are no test credentials for stripe's account berlin: "
            "PUT /v1/provider-credentials/stripe/accounts/berlin with a test key first."
        )
        unknown = await merchant.send(method, "/v1/provider-credentials/acme")
        assert unknown.json()["detail"].startswith(f"There is no provider 'acme'; there are: {', '.join(PROVIDERS)}")


async def test_a_key_that_looks_like_one_and_is_none_is_refused_with_what_it_lacks(merchant):
    for key in ("sk_test_x1", "sk_live_abc"):
        refused = await merchant.send("PUT", "/v1/provider-credentials/stripe", {"secret_key": key})
        assert refused.json()["code"] == "secret_key_invalid"
        assert "4 to 240 letters" in refused.json()["detail"]
        assert "sk_live_... or rk_live_... with your live key" in refused.json()["detail"]


async def test_credentials_of_an_unknown_provider_are_refused(merchant):
    response = await merchant.send("PUT", "/v1/provider-credentials/acme", {"secret_key": "x"})
    assert (response.status_code, response.json()["code"]) == (422, "provider_unknown")


async def test_a_merchant_has_several_accounts_at_one_provider_each_with_a_label(gateway, merchant, make):
    path = "/v1/provider-credentials/stripe/accounts/berlin"
    made = await merchant.send("PUT", path, make.credentials | {"secret_key": "sk_test_berlin"})
    again = await merchant.send("PUT", path, make.credentials)
    assert (made.status_code, again.status_code) == (201, 200)
    shown = again.json()
    assert (shown["account"], shown["id"]) == ("berlin", made.json()["id"])
    assert (await merchant.get(path)).json() == shown
    default = (await merchant.get("/v1/provider-credentials/stripe")).json()
    assert (await merchant.get("/v1/provider-credentials/stripe/accounts/default")).json() == default
    assert (await merchant.get("/v1/provider-credentials")).json()["data"] == [default, shown]
    assert [one.label for one in (await published(gateway))[-1].credentials] == ["default", "berlin"]
    assert (await merchant.send("DELETE", path)).status_code == 204
    assert (await merchant.get("/v1/provider-credentials")).json()["data"] == [default]
    for method in ("GET", "DELETE"):
        response = await merchant.send(method, path)
        assert (response.status_code, response.json()["code"]) == (404, "provider_credentials_not_found")


async def test_an_account_that_is_deleted_and_put_again_keeps_its_id_and_where_its_callbacks_come_to(merchant, make):
    path = "/v1/provider-credentials/stripe/accounts/berlin"
    first = (await merchant.send("PUT", path, make.credentials)).json()
    other = (await merchant.send("PUT", "/v1/provider-credentials/stripe/accounts/paris", make.credentials)).json()
    assert (await merchant.send("DELETE", path)).status_code == 204
    again = await merchant.send("PUT", path, make.credentials)
    assert again.status_code == 201
    assert {name: again.json()[name] for name in ("id", "callback_path")} == {
        name: first[name] for name in ("id", "callback_path")
    }
    listed = (await merchant.get("/v1/provider-credentials")).json()["data"]
    assert [one["account"] for one in listed] == ["default", "paris", "berlin"], "the oldest first"
    assert len({one["id"] for one in listed}) == 3
    assert other["id"] == listed[1]["id"]


async def test_no_two_merchants_modes_or_providers_share_the_id_of_an_account(gateway, merchant, make):
    live = await gateway.key_of(merchant.id, mode="live")
    another = await gateway.merchant(configured=False)
    shown = [
        (await merchant.get("/v1/provider-credentials/stripe")).json(),
        (await put(live, {"secret_key": "sk_live_51Malipo"})).json(),
        (await put(another, make.credentials)).json(),
    ]
    assert len({one["id"] for one in shown}) == 3


async def test_there_is_a_limit_of_accounts_at_a_provider(gateway, merchant, make):
    for number in range(19):
        path = f"/v1/provider-credentials/stripe/accounts/shop-{number}"
        assert (await merchant.send("PUT", path, make.credentials)).status_code == 201
    more = await merchant.send("PUT", "/v1/provider-credentials/stripe/accounts/more", make.credentials)
    assert (more.status_code, more.json()["code"]) == (409, "provider_account_limit")
    assert (await put(merchant, make.credentials)).status_code == 200, "one that is there is replaced"


@pytest.mark.parametrize("label", ["Berlin", "-", "a" * 33, "a_b", "a%20b"])
async def test_a_label_that_cannot_be_one_says_what_labels_are_made_of(merchant, make, label):
    for method in ("PUT", "GET", "DELETE"):
        response = await merchant.send(method, f"/v1/provider-credentials/stripe/accounts/{label}", make.credentials)
        assert (response.status_code, response.json()["code"]) == (400, "parameter_invalid")
        assert "a-z" in response.json()["detail"]


async def test_a_merchants_choice_about_late_payments_holds_for_later_payments_of_its_mode(gateway, merchant):
    assert (await merchant.get("/v1/settings")).json() == {"late_payments": "keep"}
    await merchant.pay()
    put = await merchant.send("PUT", "/v1/settings", {"late_payments": "refund"})
    assert (put.status_code, put.json()) == (200, {"late_payments": "refund"})
    assert (await merchant.get("/v1/settings")).json() == {"late_payments": "refund"}
    live = await gateway.key_of(merchant.id, mode="live")
    assert (await live.get("/v1/settings")).json() == {"late_payments": "keep"}
    await merchant.pay()
    commands = [one for one in await gateway.sent() if isinstance(one, CreatePayment)]
    assert [command.late_payments for command in commands] == ["keep", "refund"]
    wrong = await merchant.send("PUT", "/v1/settings", {"late_payments": "burn"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "choice_unknown")


async def test_the_providers_are_listed_with_what_they_can_do_and_whether_they_are_configured(gateway, merchant):
    listed = (await merchant.get("/v1/providers")).json()["data"]
    configured = {one["provider"]: (one["configured"], one["accounts"]) for one in listed}
    assert configured == {name: (False, []) for name in PROVIDERS} | {"stripe": (True, ["default"])}
    (stripe,) = [one for one in listed if one["provider"] == "stripe"]
    card, saved = stripe["methods"]
    assert (saved["type"], saved["life_seconds"], card["saves"], saved["saves"]) == ("saved", 86_400, True, False)
    assert (card["type"], card["captures"], card["life_seconds"]) == ("card", ["automatic", "manual"], 900)
    assert {"currency": "KWD", "step": 10, "least": 10, "most": 99_999_990} in card["currencies"]
    assert {"operation": "refund", "partial": True, "several": True, "asynchronous": True} in stripe["operations"]
    assert {one["provider"] for one in listed if one["disputes"]} == {"stripe"}
    live = await gateway.key_of(merchant.id, mode="live")
    listed = (await live.get("/v1/providers")).json()["data"]
    assert [one["accounts"] for one in listed if one["configured"]] == []
