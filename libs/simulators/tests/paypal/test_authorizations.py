"""Authorizations of the simulated PayPal: captured in parts, made anew, voided, expired."""

import pytest

pytestmark = pytest.mark.asyncio

FULL = "return=representation"
DAY = 86_400


def path(authorization: dict, verb: str = "") -> str:
    return f"/v2/payments/authorizations/{authorization['id']}" + (f"/{verb}" if verb else "")


@pytest.fixture
def capture(paypal, usd):
    async def take(authorization: dict, value: str | None = None, *, final: bool = False, **body: object):
        amount = {"amount": usd(value)} if value else {}
        return await paypal.post(path(authorization, "capture"), amount | {"final_capture": final} | body)

    return take


async def status_of(paypal, authorization: dict) -> str:
    return (await paypal.get(path(authorization)))["status"]


async def test_an_authorization_holds_the_money_and_takes_none(paypal, usd):
    one = await paypal.authorized(unit={"invoice_id": "inv-1"})
    assert (one["status"], one["amount"], one["invoice_id"]) == ("CREATED", usd("10.00"), "inv-1")
    assert [link["rel"] for link in one["links"]] == ["self", "capture", "void", "reauthorize", "up"]
    assert await paypal.effects() == [("authorize", 1000)]
    assert "PAYMENT.AUTHORIZATION.CREATED" in paypal.types


async def test_without_an_amount_all_of_it_is_captured(paypal, capture, issues):
    one = await paypal.authorized()
    answer = await capture(one)
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "status", "links"}
    assert await status_of(paypal, one) == "CAPTURED"
    assert issues(await capture(one)) == [422, "AUTHORIZATION_ALREADY_CAPTURED"]
    assert issues(await paypal.post(path(one, "void"))) == [422, "PREVIOUSLY_CAPTURED"]
    assert await paypal.effects() == [("authorize", 1000), ("capture", 1000)]


async def test_parts_are_captured_until_the_final_one_and_the_rest_is_let_go(paypal, capture):
    one = await paypal.authorized()
    assert (await capture(one, "3.00")).status_code == 201
    assert await status_of(paypal, one) == "PARTIALLY_CAPTURED"
    assert (await capture(one, "2.00", final=True)).status_code == 201
    assert await status_of(paypal, one) == "CAPTURED"
    assert await paypal.effects() == [("authorize", 1000), ("capture", 300), ("capture", 200), ("release", 500)]


async def test_what_is_left_of_it_can_be_voided(paypal, capture, issues):
    one = await paypal.authorized()
    await capture(one, "3.00")
    answer = await paypal.post(path(one, "void"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert issues(await paypal.post(path(one, "void"))) == [422, "PREVIOUSLY_VOIDED"]
    assert issues(await capture(one, "1.00")) == [422, "AUTHORIZATION_VOIDED"]
    assert await paypal.effects() == [("authorize", 1000), ("capture", 300), ("release", 700)]
    assert paypal.types[-1] == "PAYMENT.AUTHORIZATION.VOIDED"


async def test_an_order_whose_authorization_is_voided_is_voided(paypal, issues):
    one = await paypal.authorized()
    order = one["supplementary_data"]["related_ids"]["order_id"]
    await paypal.post(path(one, "void"))
    assert (await paypal.get(f"/v2/checkout/orders/{order}"))["status"] == "VOIDED"
    assert issues(await paypal.pay(order, "authorize")) == [422, "ORDER_COMPLETED_OR_VOIDED"]


async def test_who_prefers_it_is_shown_the_voided_authorization(paypal):
    one = await paypal.authorized()
    answer = await paypal.post(path(one, "void"), prefer=FULL)
    assert (answer.status_code, answer.json()["status"]) == (200, "VOIDED")


async def test_up_to_115_percent_can_be_captured(paypal, capture, issues):
    one = await paypal.authorized()
    assert issues(await capture(one, "11.51")) == [422, "MAX_CAPTURE_AMOUNT_EXCEEDED"]
    assert (await capture(one, "9.00")).status_code == 201
    assert issues(await capture(one, "2.51")) == [422, "MAX_CAPTURE_AMOUNT_EXCEEDED"]
    assert (await capture(one, "2.50")).status_code == 201
    assert await paypal.effects() == [("authorize", 1000), ("capture", 900), ("capture", 250)]


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        ({"currency_code": "EUR", "value": "1.00"}, [422, "AUTH_CAPTURE_CURRENCY_MISMATCH"]),
        ({"currency_code": "JPY", "value": "1.50"}, [422, "DECIMALS_NOT_SUPPORTED"]),
        ({"currency_code": "USD", "value": "1.005"}, [422, "DECIMAL_PRECISION"]),
        ({"currency_code": "USD", "value": "0"}, [422, "CANNOT_BE_ZERO_OR_NEGATIVE"]),
        ({"currency_code": "KES", "value": "1"}, [422, "INVALID_CURRENCY_CODE"]),
        ({"currency_code": "USD"}, [400, "MISSING_REQUIRED_PARAMETER"]),
    ],
)
async def test_a_wrong_amount_captures_nothing(paypal, issues, amount, told):
    one = await paypal.authorized()
    assert issues(await paypal.post(path(one, "capture"), {"amount": amount})) == told
    assert await paypal.effects() == [("authorize", 1000)]


async def test_each_part_may_have_an_invoice_id_of_its_own_once(paypal, capture, issues):
    one = await paypal.authorized(unit={"invoice_id": "order-7"})
    for _ in range(2):
        assert (await capture(one, "1.00")).status_code == 201
    assert (await capture(one, "1.00", invoice_id="part-1")).status_code == 201
    assert issues(await capture(one, "1.00", invoice_id="part-1")) == [422, "DUPLICATE_INVOICE_ID"]
    other = await paypal.authorized()
    assert issues(await capture(other, "1.00", invoice_id="order-7")) == [422, "DUPLICATE_INVOICE_ID"]


async def test_no_more_than_so_many_parts_are_captured(paypal_with, usd, issues):
    async with paypal_with(max_captures=1) as paypal:
        one = await paypal.authorized()
        assert (await paypal.post(path(one, "capture"), {"amount": usd("1.00")})).status_code == 201
        assert issues(await paypal.post(path(one, "capture"), {"amount": usd("1.00")})) == [
            422,
            "MAX_CAPTURE_COUNT_EXCEEDED",
        ]


async def test_it_is_authorized_anew_once_after_the_honour_period(paypal, capture, issues):
    one = await paypal.authorized()
    again = path(one, "reauthorize")
    assert issues(await paypal.post(again, {})) == [422, "REAUTHORIZATION_TOO_SOON"]
    await paypal.later(3 * DAY)
    paypal.token = await paypal.new_token()
    answer = await paypal.post(again, {}, key="again")
    fresh = answer.json()
    assert (answer.status_code, fresh["status"]) == (201, "CREATED")
    assert (await paypal.post(again, {}, key="again")).json()["id"] == fresh["id"] != one["id"]
    assert issues(await paypal.post(again, {})) == [422, "REAUTHORIZATION_NOT_SUPPORTED"]
    assert issues(await paypal.post(path(fresh, "void"))) == [422, "CANNOT_BE_VOIDED"]
    assert (await capture(fresh)).status_code == 201
    assert await status_of(paypal, one) == "CAPTURED"
    assert await paypal.effects() == [("authorize", 1000), ("reauthorize", 1000), ("capture", 1000)]


async def test_voiding_it_voids_what_stands_for_it(paypal, capture, issues):
    one = await paypal.authorized()
    await paypal.later(3 * DAY)
    paypal.token = await paypal.new_token()
    fresh = (await paypal.post(path(one, "reauthorize"), {})).json()
    await paypal.post(path(one, "void"))
    assert issues(await capture(fresh)) == [422, "AUTHORIZATION_VOIDED"]


async def test_after_29_days_it_voids_itself(paypal, capture, issues):
    one = await paypal.authorized()
    assert (await paypal.later(29 * DAY))["voided"] == 1
    paypal.token = await paypal.new_token()
    assert await status_of(paypal, one) == "VOIDED"
    assert issues(await capture(one)) == [422, "AUTHORIZATION_EXPIRED"]
    assert await paypal.effects() == [("authorize", 1000), ("release", 1000)]
    assert paypal.types[-1] == "PAYMENT.AUTHORIZATION.VOIDED"


@pytest.mark.parametrize(("ending", "status"), [("settle", "CREATED"), ("deny", "DENIED")])
async def test_an_authorization_under_review_waits_for_its_end(paypal, capture, issues, ending, status):
    one = await paypal.authorized(funding="review")
    assert (one["status"], one["status_details"]) == ("PENDING", {"reason": "PENDING_REVIEW"})
    assert issues(await capture(one)) == [422, "TRANSACTION_REFUSED"]
    await paypal.control(f"authorizations/{one['id']}/{ending}")
    assert await status_of(paypal, one) == status
    told = [201] if ending == "settle" else [422, "AUTHORIZATION_DENIED"]
    assert issues(await capture(one)) == told


async def test_a_denied_part_can_be_captured_again(paypal, capture):
    one = await paypal.authorized()
    answer = await paypal.post(path(one, "capture"), {}, fault="capture_pending:600")
    assert answer.json()["status"] == "PENDING"
    await paypal.control(f"captures/{answer.json()['id']}/deny")
    assert (await capture(one, "10.00")).status_code == 201
    assert await paypal.effects() == [("authorize", 1000), ("capture", 1000)]
