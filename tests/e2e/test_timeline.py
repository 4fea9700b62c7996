"""One payment explained: its timeline through doubt and through a kill, and its explanation in doubt and after."""

from malipo_local.demo.stories import stripe_fault, survives_a_kill
from malipo_local.merchant import DemoMerchant, Json

SERVICES = {"gateway", "orchestrator", "provider-stripe", "webhook-dispatcher"}


def of_kind(entries: list[Json], kind: str) -> list[Json]:
    return [entry for entry in entries if entry["kind"] == kind]


def assert_whole(entries: list[Json]) -> None:
    """Every entry has its service, time, trace and cause, and stands behind that; nothing is there twice."""
    place = {entry["id"]: number for number, entry in enumerate(entries)}
    assert len(place) == len(entries)
    assert {entry["service"] for entry in entries} == SERVICES
    assert all(entry["at"] for entry in entries)
    assert {len(entry["trace_id"] or "") for entry in entries} == {32}, "an entry without a trace"
    assert len({entry["trace_id"] for entry in entries}) == 1, "one payment, one trace"
    for entry in entries:
        assert (entry["cause"] is None) == (entry["kind"] == "request"), entry
        assert entry["cause"] is None or place[entry["cause"]] < place[entry["id"]], entry


def in_doubt(merchant: DemoMerchant, amount: int) -> tuple[str, Json]:
    """A payment whose answer was lost, and its explanation while what became of it is unknown."""
    charge = {"method": "POST", "amount": amount}
    with stripe_fault(merchant, "webhook_drop", match={"amount": amount}):
        with (
            stripe_fault(merchant, "answer_lost", match=charge, times=1),
            stripe_fault(merchant, "connection_reset", match=charge),
        ):
            payment = merchant.pay("pm_card_visa", amount=amount, prefer="respond-async")
            merchant.wait(payment["id"], "processing", reason="awaiting_provider_confirmation")
            explained = merchant.explain(payment["id"])
        merchant.wait(payment["id"], "completed")
    return payment["id"], explained


def test_a_payment_through_doubt_has_a_timeline_from_the_request_to_the_webhook(merchant):
    payment_id, _ = in_doubt(merchant, 7701)
    entries = merchant.reported(payment_id)
    assert_whole(entries)
    request, dispatched, lost, doubt = [entry for entry in entries if entry["kind"] in ("request", "step", "attempt")][
        :4
    ]
    assert (request["kind"], request["method"], request["path"]) == ("request", "POST", "/v1/payments")
    assert (dispatched["trigger"], dispatched["sent"], dispatched["cause"]) == ("dispatched", "charge", request["id"])
    assert (lost["kind"], lost["result"], lost["cause"]) == ("attempt", "unknown", dispatched["id"])
    assert (lost["effect"], doubt["cause"]) == ("step", lost["id"])
    (exchange,) = lost["exchanges"]
    assert (exchange["method"], exchange["path"]) == ("POST", "/v1/payment_intents")
    assert "status" not in exchange
    assert exchange["error"]
    assert (doubt["to_state"], doubt["sent"], doubt["status"]) == ("in_doubt", "query", "processing")
    completed = of_kind(entries, "step")[-1]
    (found,) = [entry for entry in entries if entry["id"] == completed["cause"]]
    assert (completed["to_state"], found["result"]) == ("completed", "succeeded")
    assert found["kind"] in ("query", "reconciliation"), "whoever was first"
    if found["kind"] == "query":
        assert found["exchanges"][-1]["status"] == 200
        assert found["exchanges"][-1]["request_id"].startswith("req_")
    webhooks = [hook for hook in of_kind(entries, "webhook") if hook["cause"] == completed["id"]]
    assert [hook["result"] for hook in webhooks] == ["delivered"]


def test_a_payment_is_explained_in_doubt_and_after(merchant):
    payment_id, doubt = in_doubt(merchant, 7702)
    assert (doubt["status"], doubt["state"]) == ("processing", "in_doubt")
    assert "does not guess" in doubt["why"]
    assert "asks the provider" in doubt["next"]
    assert doubt["next_by"] > doubt["since"]
    assert [may["code"] for may in doubt["you_may"]] == ["cancel", "wait", "repeat"]
    assert "a second payment moves money a second time" in doubt["you_may"][2]["text"]
    done = merchant.explain(payment_id)
    assert (done["status"], done["state"], done["reason"]) == ("completed", "completed", "succeeded")
    assert done["next_by"] is None
    assert [may["code"] for may in done["you_may"]] == ["refund"]


def test_a_timeline_is_complete_although_provider_stripe_was_killed_in_the_middle(merchant):
    entries = merchant.reported(survives_a_kill(merchant))
    assert_whole(entries)
    (attempt,) = of_kind(entries, "attempt")
    died, answered = attempt["exchanges"]
    assert died["error"] == "answer_never_recorded"
    assert answered["status"] == 200
    assert died["at"] < answered["at"]
    assert attempt["tries"] == 2
    assert of_kind(entries, "step")[-1]["to_state"] == "completed"


def test_a_refund_and_a_refused_one_are_in_the_timeline_and_explained(merchant):
    payment = merchant.pay(amount=2000)
    merchant.wait(payment["id"], "completed")
    refund = merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 500}).raise_for_status().json()
    merchant.wait_refund(refund["id"])
    assert merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 1501}).status_code == 409
    merchant.events(payment["id"], "payment.completed", "refund.completed")
    entries = merchant.reported(payment["id"])
    (refusal,) = of_kind(entries, "refusal")
    requests = {entry["id"]: entry for entry in of_kind(entries, "request")}
    assert requests[refusal["cause"]]["operation_id"] == refusal["operation_id"]
    steps = [entry for entry in of_kind(entries, "step") if entry["operation_id"] == refund["id"]]
    assert [(step["sent"], step["to_state"]) for step in steps] == [("refund", "processing"), (None, "completed")]
    done, refused = merchant.explain(payment["id"])["operations"]
    assert (done["amount"], done["state"]) == (500, "completed")
    assert (refused["amount"], refused["reason"], refused["detail"]) == (1501, "refused", "refund_exceeds_captured")
