"""A held amount that is captured in parts, against the simulated PayPal: what each part answers, and what is given back of it."""

from paypal_account import USD_10

from malipo.contracts.outcomes import Authorized, Declined, Succeeded
from malipo.money import Money


async def test_a_held_amount_is_captured_in_two_parts_and_each_answers_for_itself(paypal):
    one = await paypal.held()
    assert await paypal.query(one.confirm()) == Authorized(amount=USD_10, reference=one.order)
    first, second = one.part("capture", 300, final=False), one.part("capture", 700)
    assert await paypal.execute(first) == Succeeded(amount=Money(300, "USD"), reference=one.order)
    assert await paypal.query(one.confirm()) == Authorized(amount=USD_10, reference=one.order)
    assert await paypal.execute(second) == Succeeded(amount=Money(700, "USD"), reference=one.order)
    assert await paypal.query(first) == Succeeded(amount=Money(300, "USD"), reference=one.order)
    assert await paypal.query(one.confirm()) == Succeeded(amount=USD_10, reference=one.order)
    assert await paypal.book() == [("authorize", 1000), ("capture", 300), ("capture", 700)]


async def test_voiding_what_was_captured_in_part_tells_what_was_captured(paypal):
    one = await paypal.held()
    await paypal.execute(one.part("capture", 300, final=False))
    assert await paypal.execute(one.part("cancel")) == Succeeded(amount=Money(300, "USD"), reference=one.order)
    assert await paypal.book() == [("authorize", 1000), ("capture", 300), ("release", 700)]


async def test_a_refund_is_of_the_capture_that_has_enough_left_and_a_larger_one_is_refused_with_what_is_possible(
    paypal,
):
    one = await paypal.held()
    for minor, final in ((300, False), (700, True)):
        await paypal.execute(one.part("capture", minor, final=final))
    refused = await paypal.execute(one.part("refund", 800))
    assert (type(refused), refused.code) == (Declined, "exceeds_capture")
    assert "700 minor units of USD" in refused.message
    for minor in (500, 300, 200):
        assert (await paypal.execute(one.part("refund", minor))).amount == Money(minor, "USD")
    assert (await paypal.book())[3:] == [("refund", 500), ("refund", 300), ("refund", 200)]
