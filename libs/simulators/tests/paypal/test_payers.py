"""The payers of the simulated PayPal: at the page, by script, and by themselves."""

import pytest

from malipo_simulators.paypal.settings import Approve

pytestmark = pytest.mark.asyncio

BROWSER = {"accept": "text/html"}
ORDERS = "/v2/checkout/orders"


async def test_the_page_leads_back_to_the_shop_with_the_order_and_the_payer(paypal):
    answer = await paypal.create(unit={"description": "Tea <for two>"})
    url = next(link["href"] for link in answer.json()["links"] if link["rel"] == "payer-action")
    page = (await paypal.http.get(url)).text
    assert "Pay 10.00 USD?" in page
    assert "Tea &lt;for two&gt;" in page
    order = answer.json()["id"]
    done = await paypal.http.post(f"/checkoutnow/approve?token={order}", headers=BROWSER)
    payer = (await paypal.get(f"{ORDERS}/{order}"))["payer"]["payer_id"]
    assert done.status_code == 303
    assert done.headers["location"] == f"https://shop.test/back?cart=7&token={order}&PayerID={payer}"


async def test_a_payer_who_goes_back_has_approved_nothing(paypal):
    order = await paypal.created()
    done = await paypal.http.post(f"/checkoutnow/refuse?token={order}", headers=BROWSER)
    assert (done.status_code, done.headers["location"]) == (303, f"https://shop.test/cancel?token={order}")
    assert (await paypal.get(f"{ORDERS}/{order}"))["status"] == "PAYER_ACTION_REQUIRED"
    assert (await paypal.control(f"orders/{order}/refuse"))["redirect_to"].startswith("https://shop.test/cancel")


async def test_the_page_offers_another_card_after_one_was_declined(paypal):
    order = await paypal.created()
    await paypal.http.post(f"/checkoutnow/approve?token={order}", data={"funding": "declined_card"})
    await paypal.pay(order)
    assert "Your card was declined" in (await paypal.http.get(f"/checkoutnow?token={order}")).text
    await paypal.http.post(f"/checkoutnow/approve?token={order}", data={"funding": "balance"})
    assert (await paypal.pay(order)).status_code == 201
    assert (await paypal.http.get(f"/checkoutnow?token={order}")).status_code == 409


async def test_a_payer_may_change_the_card_after_approving(paypal):
    order = await paypal.approved(funding="declined_card")
    await paypal.approve(order, "balance")
    assert (await paypal.pay(order)).status_code == 201
    assert paypal.types.count("CHECKOUT.ORDER.APPROVED") == 2


async def test_nothing_is_approved_once_it_is_paid(paypal):
    order = await paypal.approved()
    await paypal.pay(order)
    assert (await paypal.http.post(f"/_sim/orders/{order}/approve")).status_code == 409
    assert paypal.types.count("CHECKOUT.ORDER.APPROVED") == 1


async def test_who_came_to_the_page_in_time_has_three_hours_from_then_on(paypal):
    order = await paypal.created()
    await paypal.later(3 * 3_600 - 10)
    await paypal.http.get(f"/checkoutnow?token={order}")
    await paypal.later(3 * 3_600 - 10)
    await paypal.approve(order)
    assert (await paypal.pay(order)).status_code == 201


@pytest.mark.parametrize(("path", "status"), [("token=NOBODYS", 404), ("", 422)])
async def test_no_page_is_shown_for_what_is_not_there(paypal, path, status):
    assert (await paypal.http.get(f"/checkoutnow?{path}")).status_code == status


async def test_an_unknown_way_to_pay_is_refused(paypal):
    order = await paypal.created()
    answer = await paypal.http.post(f"/checkoutnow/approve?token={order}", data={"funding": "shells"})
    assert answer.status_code == 422


async def test_payers_approve_by_themselves_if_the_settings_have_it(paypal_with, until):
    async with paypal_with(approve=Approve.ALL) as paypal:
        order = await paypal.created()

        async def approved() -> bool:
            return (await paypal.get(f"{ORDERS}/{order}"))["status"] == "APPROVED"

        await until(approved)


@pytest.mark.parametrize(
    ("plan", "approvals", "answers"),
    [
        ("approve", 1, [201]),
        ("approve_twice", 2, [201]),
        ("decline_then_approve", 2, [422, 201]),
        ("capture_declined", 1, [201]),
        ("pending_then_denied", 1, [201]),
    ],
)
async def test_a_scripted_payer_does_what_the_script_says(paypal, until, plan, approvals, answers):
    script = {"match": {"custom_id": "op_9"}, "plan": plan, "after_seconds": 0}
    assert (await paypal.control("scripts", script))["played"] == 0
    order = await paypal.created(unit={"custom_id": "op_9"})

    async def ready() -> bool:
        return (await paypal.get(f"{ORDERS}/{order}"))["status"] == "APPROVED"

    for status in answers:
        await until(ready)
        if plan == "approve_twice":
            await until(lambda: paypal.types.count("CHECKOUT.ORDER.APPROVED") == 2)
        assert (await paypal.pay(order)).status_code == status
    assert paypal.types.count("CHECKOUT.ORDER.APPROVED") == approvals
    assert (await paypal.http.get("/_sim/scripts")).json() == []


@pytest.mark.parametrize("plan", ["never", "refuse"])
async def test_a_scripted_payer_may_do_nothing_although_all_others_approve(paypal_with, until, plan):
    async with paypal_with(approve=Approve.ALL) as paypal:
        await paypal.control("scripts", {"match": {"amount": 701}, "plan": plan})
        amount = {"currency_code": "USD", "value": "7.01"}
        still = await paypal.created(unit={"amount": amount})
        await paypal.created()
        await until(lambda: paypal.types)
        assert (await paypal.get(f"{ORDERS}/{still}"))["status"] == "PAYER_ACTION_REQUIRED"


async def test_scripts_can_be_taken_back(paypal):
    script = await paypal.control("scripts", {"plan": "approve", "times": None})
    assert (await paypal.http.delete(f"/_sim/scripts/{script['id']}")).status_code == 204
    assert (await paypal.http.delete(f"/_sim/scripts/{script['id']}")).status_code == 404
    await paypal.control("scripts", {"plan": "approve"})
    assert (await paypal.http.delete("/_sim/scripts")).status_code == 204
    assert (await paypal.http.get("/_sim/scripts")).json() == []


async def test_orders_are_listed_by_what_the_merchant_calls_them(paypal):
    order = await paypal.created(unit={"custom_id": "op_9"})
    await paypal.created()
    listed = (await paypal.http.get("/_sim/orders", params={"custom_id": "op_9"})).json()
    assert [one["id"] for one in listed] == [order]
