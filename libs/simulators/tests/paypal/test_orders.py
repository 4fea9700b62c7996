"""Orders of the simulated PayPal: created, approved by a payer, captured or authorized."""

import pytest

pytestmark = pytest.mark.asyncio

FULL = "return=representation"


def rels(body: dict) -> list[str]:
    return [link["rel"] for link in body["links"]]


async def test_an_order_with_a_payment_source_waits_for_its_payer(paypal):
    answer = await paypal.create()
    body = answer.json()
    assert answer.status_code == 201
    assert (body["status"], rels(body)) == ("PAYER_ACTION_REQUIRED", ["self", "payer-action"])
    assert set(body) == {"id", "status", "payment_source", "links"}


async def test_an_order_without_one_is_created_with_the_older_link(paypal):
    answer = await paypal.create(payment_source=None, application_context={"return_url": "https://shop.test/back"})
    body = answer.json()
    assert (body["status"], rels(body)) == ("CREATED", ["self", "approve", "update", "capture"])


async def test_a_representation_shows_the_order_as_it_was_asked_for(paypal, usd):
    answer = await paypal.create(unit={"amount": usd("10"), "invoice_id": "inv-1", "description": "Tea"}, prefer=FULL)
    unit = answer.json()["purchase_units"][0]
    assert (unit["reference_id"], unit["amount"], unit["invoice_id"]) == ("default", usd("10.00"), "inv-1")
    assert unit["payee"]["merchant_id"]
    assert "payments" not in unit


async def test_nothing_is_paid_before_the_payer_has_approved(paypal, issues):
    order = await paypal.created()
    answer = await paypal.pay(order)
    assert issues(answer) == [422, "ORDER_NOT_APPROVED"]
    assert await paypal.effects() == []


async def test_an_approved_order_is_captured_once(paypal, issues, usd):
    order = await paypal.approved(unit={"invoice_id": "inv-1"})
    assert (await paypal.get(f"/v2/checkout/orders/{order}"))["status"] == "APPROVED"
    answer = await paypal.pay(order)
    assert answer.status_code == 201
    capture = answer.json()["purchase_units"][0]["payments"]["captures"][0]
    assert (capture["status"], capture["amount"], capture["final_capture"]) == ("COMPLETED", usd("10.00"), True)
    assert (capture["custom_id"], capture["invoice_id"]) == ("op_7", "inv-1")
    assert capture["seller_receivable_breakdown"]["paypal_fee"] == usd("0.84")
    assert capture["seller_receivable_breakdown"]["net_amount"] == usd("9.16")
    assert issues(await paypal.pay(order)) == [422, "ORDER_ALREADY_CAPTURED"]
    assert await paypal.effects() == [("capture", 1000)]
    assert paypal.types == ["CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED", "CHECKOUT.ORDER.COMPLETED"]


async def test_the_captures_own_page_shows_what_it_belongs_to(paypal):
    capture = await paypal.captured()
    read = await paypal.get(f"/v2/payments/captures/{capture['id']}")
    order = read["supplementary_data"]["related_ids"]["order_id"]
    [part] = (await paypal.get(f"/v2/checkout/orders/{order}"))["purchase_units"][0]["payments"]["captures"]
    assert read == part | {name: read[name] for name in ("supplementary_data", "payee")}


@pytest.mark.parametrize(
    ("intent", "verb", "wrong"), [("CAPTURE", "capture", "authorize"), ("AUTHORIZE", "authorize", "capture")]
)
async def test_an_order_is_completed_by_the_call_of_its_intent(paypal, issues, intent, verb, wrong):
    order = await paypal.approved(intent=intent)
    assert issues(await paypal.pay(order, wrong)) == [422, "ACTION_DOES_NOT_MATCH_INTENT"]
    assert (await paypal.pay(order, verb)).json()["status"] == "COMPLETED"


async def test_a_completed_order_may_hold_a_declined_capture(paypal):
    order = await paypal.approved(funding="failing_card")
    answer = await paypal.pay(order)
    assert (answer.status_code, answer.json()["status"]) == (201, "COMPLETED")
    assert answer.json()["purchase_units"][0]["payments"]["captures"][0]["status"] == "DECLINED"
    assert await paypal.effects() == []
    assert "PAYMENT.CAPTURE.DECLINED" in paypal.types


async def test_a_declined_instrument_sends_the_payer_back_who_may_choose_another(paypal, issues):
    order = await paypal.approved(funding="declined_card")
    answer = await paypal.pay(order, key="first")
    assert issues(answer) == [422, "INSTRUMENT_DECLINED"]
    assert {"rel": "redirect", "method": "GET"}.items() <= answer.json()["links"][1].items()
    assert (await paypal.get(f"/v2/checkout/orders/{order}"))["status"] == "PAYER_ACTION_REQUIRED"
    assert issues(await paypal.pay(order, key="first")) == [422, "PAYER_ACTION_REQUIRED"]
    await paypal.approve(order)
    assert (await paypal.pay(order, key="first")).status_code == 201
    assert await paypal.effects() == [("capture", 1000)]


async def test_payment_is_not_tried_for_ever(paypal_with, issues):
    async with paypal_with(max_payment_attempts=2) as paypal:
        order = await paypal.created()
        for _ in range(2):
            await paypal.approve(order, "declined_card")
            assert issues(await paypal.pay(order)) == [422, "INSTRUMENT_DECLINED"]
        await paypal.approve(order)
        assert issues(await paypal.pay(order)) == [422, "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED"]


@pytest.mark.parametrize(
    ("funding", "reason", "ending", "status"),
    [
        ("echeck", "ECHECK", "settle", "COMPLETED"),
        ("bouncing_echeck", "ECHECK", "deny", "DECLINED"),
        ("review", "PENDING_REVIEW", "deny", "DECLINED"),
    ],
)
async def test_a_pending_capture_says_why_and_ends_later(paypal, funding, reason, ending, status):
    capture = await paypal.captured(funding=funding)
    assert (capture["status"], capture["status_details"]) == ("PENDING", {"reason": reason})
    assert await paypal.effects() == []
    await paypal.control(f"captures/{capture['id']}/{ending}")
    read = await paypal.get(f"/v2/payments/captures/{capture['id']}")
    assert read["status"] == status
    assert "status_details" not in read
    assert await paypal.effects() == ([("capture", 1000)] if status == "COMPLETED" else [])


@pytest.mark.parametrize(("funding", "status"), [("echeck", "COMPLETED"), ("denied_review", "DECLINED")])
async def test_what_is_pending_ends_by_the_clock(paypal, funding, status):
    capture = await paypal.captured(funding=funding)
    assert (await paypal.later(601))["ended"] == 1
    assert (await paypal.get(f"/v2/payments/captures/{capture['id']}"))["status"] == status
    assert (await paypal.later(601))["ended"] == 0


async def test_a_merchant_who_wants_to_be_paid_at_once_is_not_paid_by_echeck(paypal, issues):
    context = {"payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED"}
    order = await paypal.approved(funding="echeck", payment_source={"paypal": {"experience_context": context}})
    assert issues(await paypal.pay(order)) == [422, "INSTRUMENT_DECLINED"]


async def test_an_invoice_is_paid_once_whatever_order_it_is_on(paypal, issues):
    first = await paypal.approved(unit={"invoice_id": "inv-1"})
    second = await paypal.approved(unit={"invoice_id": "inv-1"})
    assert (await paypal.pay(first)).status_code == 201
    assert issues(await paypal.pay(second)) == [422, "DUPLICATE_INVOICE_ID"]
    third = await paypal.approved(unit={"invoice_id": "inv-1"}, intent="AUTHORIZE")
    assert issues(await paypal.pay(third, "authorize")) == [422, "DUPLICATE_INVOICE_ID"]
    assert await paypal.effects() == [("capture", 1000)]


async def test_an_invoice_of_a_denied_capture_can_be_paid_again(paypal):
    capture = await paypal.captured(unit={"invoice_id": "inv-1"}, funding="review")
    await paypal.control(f"captures/{capture['id']}/deny")
    assert (await paypal.captured(unit={"invoice_id": "inv-1"}))["status"] == "COMPLETED"


async def test_a_merchant_may_allow_invoices_to_be_paid_again(paypal_with):
    async with paypal_with(unique_invoices=False) as paypal:
        for _ in range(2):
            await paypal.captured(unit={"invoice_id": "inv-1"})


async def test_several_purchase_units_are_captured_one_by_one(paypal, usd):
    units = [{"reference_id": name, "amount": usd(value)} for name, value in (("tea", "4.00"), ("cup", "6.00"))]
    order = await paypal.approved(purchase_units=units)
    made = (await paypal.pay(order)).json()["purchase_units"]
    assert [unit["payments"]["captures"][0]["amount"]["value"] for unit in made] == ["4.00", "6.00"]
    assert await paypal.effects() == [("capture", 400), ("capture", 600)]


async def test_an_order_that_nobody_approves_is_gone_after_three_hours(paypal, issues):
    order = await paypal.created()
    assert (await paypal.later(3 * 3_600))["gone"] == 1
    assert issues(await paypal.send("GET", f"/v2/checkout/orders/{order}")) == [404, "INVALID_RESOURCE_ID"]
    assert issues(await paypal.pay(order)) == [404, "INVALID_RESOURCE_ID"]
    assert (await paypal.http.post(f"/_sim/orders/{order}/approve")).status_code == 409


async def test_an_approval_that_is_not_used_in_time_is_reversed(paypal, issues):
    order = await paypal.approved(intent="AUTHORIZE")
    await paypal.later(3 * 3_600)
    assert paypal.types[-1] == "CHECKOUT.PAYMENT-APPROVAL.REVERSED"
    assert issues(await paypal.pay(order, "authorize")) == [422, "ORDER_EXPIRED"]
    assert await paypal.effects() == []


async def test_a_payment_source_is_confirmed_and_paypal_completes_the_order_itself(paypal, until, issues):
    order = await paypal.created(payment_source=None)
    source = {"paypal": {"email_address": "payer@example.com", "experience_context": {"return_url": "https://a.test"}}}
    body = {"payment_source": source, "processing_instruction": "ORDER_COMPLETE_ON_PAYMENT_APPROVAL"}
    confirmed = (await paypal.post(f"/v2/checkout/orders/{order}/confirm-payment-source", body)).json()
    assert (confirmed["status"], rels(confirmed)) == ("PAYER_ACTION_REQUIRED", ["self", "payer-action"])
    await paypal.approve(order)
    assert issues(await paypal.pay(order)) == [422, "ORDER_COMPLETION_IN_PROGRESS"]

    async def completed() -> bool:
        return (await paypal.get(f"/v2/checkout/orders/{order}"))["status"] == "COMPLETED"

    await until(completed)
    assert await paypal.effects() == [("capture", 1000)]
    answer = await paypal.post(f"/v2/checkout/orders/{order}/confirm-payment-source", body)
    assert issues(answer) == [422, "ORDER_ALREADY_CAPTURED"]


async def test_who_has_approved_is_shipped_to_unless_nothing_is(paypal):
    order = await paypal.created(payment_source={"paypal": {"email_address": "payer@example.com"}})
    await paypal.approve(order)
    body = await paypal.get(f"/v2/checkout/orders/{order}")
    assert body["payer"]["email_address"] == "payer@example.com"
    assert body["purchase_units"][0]["shipping"]["address"]["country_code"] == "US"
