"""The book, the request log, and starting over."""

import pytest

pytestmark = pytest.mark.asyncio


async def test_the_book_is_found_by_metadata_and_totals_each_payment(stripe):
    one = await stripe.paid(extra={"metadata[malipo_payment_id]": "pay_1"}, idempotency_key="k1")
    await stripe.paid(extra={"metadata[malipo_payment_id]": "pay_2"})
    await stripe.post("/v1/refunds", {"payment_intent": one["id"], "amount": "400"}, idempotency_key="k2")
    book = await stripe.book(**{"metadata[malipo_payment_id]": "pay_1"})
    assert [(line["kind"], line["amount"], line["idempotency_key"]) for line in book["effects"]] == [
        ("charge", 1000, "k1"),
        ("refund", 400, "k2"),
    ]
    [total] = book["payment_intents"]
    assert (total["status"], total["captured"], total["refunded"]) == ("succeeded", 1000, 400)
    assert total["metadata"] == {"malipo_payment_id": "pay_1"}


async def test_the_book_can_be_read_for_one_account_and_from_a_place_on(stripe):
    await stripe.paid()
    await stripe.paid(authorization="Bearer sk_test_merchantTwo")
    whole = await stripe.book()
    assert [line["seq"] for line in whole["effects"]] == [1, 2]
    assert [line["seq"] for line in (await stripe.book(after_seq="1"))["effects"]] == [2]
    mine = await stripe.http.get("/_sim/book", headers={"authorization": "Bearer sk_test_merchantOne"})
    assert [line["seq"] for line in mine.json()["effects"]] == [1]
    account = (await stripe.get("/v1/account")).json()["id"]
    assert (await stripe.book(account=account)) == mine.json()


async def test_a_long_book_comes_whole(stripe):
    for _ in range(600):
        await stripe.paid()
    book = await stripe.book()
    assert [line["seq"] for line in book["effects"]] == list(range(1, 601))
    assert len(book["payment_intents"]) == 600


async def test_the_log_shows_requests_without_secrets(stripe):
    await stripe.pay(idempotency_key="k", x_sim_fault="error_after_effect")
    await stripe.pay(idempotency_key="k")
    await stripe.get("/v1/balance", authorization="Bearer sk_test_revokedSecret")
    response = await stripe.http.get("/_sim/requests")
    entries = response.json()
    assert [(one["method"], one["status"], one["fault"], one["replayed"]) for one in entries] == [
        ("POST", 500, "error_after_effect", False),
        ("POST", 500, None, True),
        ("GET", 401, None, False),
    ]
    assert "sk_test" not in response.text
    only = (await stripe.http.get("/_sim/requests", params={"path": "/v1/bal*"})).json()
    assert [one["path"] for one in only] == ["/v1/balance"]


async def test_a_reset_forgets_everything_but_gives_no_id_twice(stripe):
    await stripe.listen()
    await stripe.fault("rate_limited")
    await stripe.http.post("/_sim/clock", json={"advance_seconds": 100})
    first = (
        await stripe.http.post("/_sim/webhook_endpoints", json={"api_key": "sk_test_x123", "url": "http://r.test"})
    ).json()
    assert (await stripe.http.post("/_sim/reset")).status_code == 204
    assert await stripe.book() == {"effects": [], "payment_intents": []}
    assert (await stripe.http.get("/_sim/faults")).json() == []
    assert (await stripe.http.get("/_sim/webhook_endpoints")).json() == []
    again = (
        await stripe.http.post("/_sim/webhook_endpoints", json={"api_key": "sk_test_x123", "url": "http://r.test"})
    ).json()
    assert again["id"] != first["id"]


async def test_every_control_route_is_documented(stripe):
    described = (await stripe.http.get("/openapi.json")).json()["paths"]
    assert {
        "/_sim/book",
        "/_sim/requests",
        "/_sim/health",
        "/_sim/faults",
        "/_sim/faults/{rule_id}",
        "/_sim/clock",
        "/_sim/reset",
        "/_sim/refunds/{refund_id}/{ending}",
        "/_sim/webhook_endpoints",
        "/_sim/webhook_endpoints/{endpoint_id}/rotate",
        "/_sim/3ds/{intent_id}",
        "/_sim/3ds/{intent_id}/{decision}",
    } <= set(described)
    assert (await stripe.http.get("/docs")).status_code == 200
    assert (await stripe.http.get("/_sim/health")).json()["status"] == "ok"
