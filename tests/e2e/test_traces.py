"""One trace of each payment: from the request through Kafka and the databases to the provider and the merchant."""

from collector import Collector, Span, about

from malipo.contracts.identity import charge_id
from malipo_local.merchant import DemoMerchant, Json
from malipo_local.waiting import until

POST = ("gateway", "POST /v1/payments")
CREATE = ("orchestrator", "orchestrator CreatePayment")
CHARGE = ("provider-stripe", "provider client charge")
CALLBACK = ("provider-stripe", "webhook receiver charge")
OUTCOME = ("orchestrator", "orchestrator OutcomeReported")
COMPLETED = ("webhook-dispatcher", "webhook payment.completed")
ACTION = ("webhook-dispatcher", "webhook payment.requires_action")

type Path = tuple[tuple[str, str], ...]


def paths(spans: list[Span]) -> set[Path]:
    """From the root to each span, by service and name. A span whose parent never came has a path that begins with it."""
    by_id = {span.id: span for span in spans}

    def path(span: Span) -> Path:
        parent = by_id.get(span.parent_id)
        return (*(path(parent) if parent else ()), (span.service, span.name))

    return {path(span) for span in spans}


def wait_for(collector: Collector, payment: Json, *wanted: Path) -> list[Span]:
    """The payment's trace once all of `wanted` are in it."""
    found = until(lambda: set(wanted) <= paths(collector.trace_of(payment["id"])), 20)
    assert found, paths(collector.trace_of(payment["id"]))
    return collector.trace_of(payment["id"])


def wait_for_completed(merchant: DemoMerchant, payment: Json) -> None:
    merchant.wait(payment["id"], "completed")
    merchant.events(payment["id"], "payment.completed")


def test_a_payment_is_one_trace_from_the_request_to_the_provider_and_the_merchant(merchant, collector):
    payment = merchant.pay(client_ref="order-7")
    wait_for_completed(merchant, payment)
    charged, called_back = (POST, CREATE, CHARGE), (POST, CREATE, CALLBACK)
    wait_for(collector, payment, (*charged, OUTCOME))
    # The callback is told only where it overtakes the answer, and causes what follows then.
    first = {(*charged, OUTCOME, COMPLETED), (*called_back, OUTCOME, COMPLETED)}
    assert until(lambda: first & paths(collector.trace_of(payment["id"])), 20)  # each service sends its spans by itself
    spans = collector.trace_of(payment["id"])
    assert len([one for one in paths(spans) if one[-1] == COMPLETED]) == 1
    assert len({span.trace_id for span in spans}) == 1
    assert [(span.service, span.name) for span in spans if not span.parent_id] == [POST]
    assert {(about(span), span.attributes.get("client_ref")) for span in spans} == {(payment["id"], "order-7")}


def test_a_callback_joins_the_trace_of_its_payment_and_what_it_causes_follows_from_it(merchant, collector):
    payment = merchant.pay("pm_card_authenticationRequired", return_url="https://shop.example")
    reference = merchant.wait(payment["id"], "requires_action")["provider_reference"]
    merchant.stripe.post(f"/_sim/3ds/{reference}/approve").raise_for_status()
    wait_for_completed(merchant, payment)
    spans = wait_for(
        collector,
        payment,
        (POST, CREATE, CHARGE, OUTCOME, ACTION),
        (POST, CREATE, CALLBACK, OUTCOME, COMPLETED),
    )
    assert {about(span) for span in spans} == {payment["id"]}
    assert "client_ref" not in {name for span in spans for name in span.attributes}


def test_a_merchant_cannot_choose_the_trace_nor_whether_it_is_recorded(merchant, collector):
    theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    body = {"amount": 100, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}
    payment = merchant.post("/v1/payments", body, traceparent=theirs).raise_for_status().json()
    spans = wait_for(collector, payment, (POST, CREATE, CHARGE))
    assert {span.trace_id for span in spans}.isdisjoint({theirs[3:35]})


def test_a_call_of_the_provider_shows_request_and_response(merchant, collector):
    payment = merchant.pay()
    wait_for_completed(merchant, payment)
    spans = wait_for(collector, payment, (POST, CREATE, CHARGE))
    (call,) = [span for span in spans if (span.service, span.name) == CHARGE]
    assert call.attributes == {
        "payment_id": payment["id"],
        "malipo.component": "StripeClient",
        "provider": "stripe",
        "operation_id": charge_id(payment["id"], 1),
        "http.request.method": "POST",
        "url.path": "/v1/payment_intents",
        "http.response.status_code": 200,
        "outcome": "succeeded",
    }


def test_doubt_a_query_and_a_refund_stay_in_the_trace_of_what_caused_them(merchant, collector):
    merchant.stripe_fault("webhook_drop", match={"amount": 4329})
    merchant.stripe_fault(
        "answer_lost", match={"method": "POST", "path": "/v1/payment_intents", "amount": 4329}, times=1
    )
    payment = merchant.pay(amount=4329)
    wait_for_completed(merchant, payment)
    query = ("provider-stripe", "provider client query")
    wait_for(collector, payment, (POST, CREATE, CHARGE, OUTCOME, query, OUTCOME, COMPLETED))
    refund = merchant.post(f"/v1/payments/{payment['id']}/refunds", {"amount": 100}).raise_for_status().json()
    merchant.wait_refund(refund["id"])
    chain = [
        ("gateway", "POST /v1/payments/{payment_id}/refunds"),
        ("orchestrator", "orchestrator RefundPayment"),
        ("provider-stripe", "provider client refund"),
        OUTCOME,
        ("webhook-dispatcher", "webhook refund.completed"),
    ]
    about_it = lambda: [span for span in collector.spans if about(span) == payment["id"]]  # noqa: E731
    assert until(lambda: any(tuple(chain) == path for path in paths(about_it())), 20), paths(about_it())


def test_a_batch_links_to_the_traces_of_its_messages(merchant, collector):
    payment = merchant.pay()
    wait_for_completed(merchant, payment)
    trace = wait_for(collector, payment, (POST, CREATE, CHARGE, OUTCOME))

    def linked(batch: tuple[str, str], cause: tuple[str, str]) -> bool:
        causes = {(span.trace_id, span.id) for span in trace if (span.service, span.name) == cause}
        links = {link for span in collector.spans if (span.service, span.name) == batch for link in span.links}
        return bool(causes & links)

    assert until(lambda: linked(("orchestrator", "consume payments"), POST), 20)
    assert until(lambda: linked(("provider-stripe", "consume commands"), CREATE), 20)
    assert until(lambda: linked(("gateway", "consume payments"), OUTCOME), 20)
    assert until(lambda: linked(("webhook-dispatcher", "consume events"), OUTCOME), 20)
