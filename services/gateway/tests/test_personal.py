"""Personal data: sealed under a key of its payment, and erased by destroying the key."""

from functools import partial
from typing import Annotated, Literal
from urllib.parse import quote

import pytest

from gateway.payments import personal
from malipo import clock
from malipo.contracts.commands import CreatePayment
from malipo.contracts.descriptor import Method, Personal
from malipo.contracts.outcomes import AttemptPostponed, PersonalKeyDestroyed
from malipo.contracts.personal import PersonalKeyErased, PersonalKeyIssued, key_owner
from malipo.contracts.topics import OUTCOMES
from malipo.platform.secrets import KeyRing, SecretUnreadable
from testkit.service import RING
from testkit.waiting import until

PHONE = "254722000111"
CARD = {"amount": 1250, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}


class Phone(Method):
    type: Literal["phone"]
    phone: Annotated[str, Personal(lambda number: f"...{number[-3:]}")]


async def hold_a_phone(gateway, merchant, customer_ref: str | None = "customer-7") -> dict:
    """A payment that holds a phone number, as if by a method that needs one."""
    made = (await merchant.pay()).json()
    sealed = personal.sealed(made["id"], Phone(type="phone", phone=PHONE), RING)
    assert sealed.wrapped is not None
    async with gateway.dependencies.database.begin() as unit:
        personal.keep(
            unit,
            (merchant.id, "test"),
            made["id"],
            customer_ref=customer_ref,
            wrapped=sealed.wrapped,
            providers=("stripe",),
        )
    return made


async def sent(gateway, *types: type) -> list:
    return [message for message in await gateway.sent() if isinstance(message, types)]


async def erased(gateway) -> list[str]:
    return [message.payment_id for message in await sent(gateway, PersonalKeyErased)]


def test_what_is_personal_is_masked_and_can_be_read_with_its_key_alone():
    sealed = personal.sealed("pay_1", Phone(type="phone", phone=PHONE), RING)
    assert sealed.method.details == {"phone": "...111"}
    assert sealed.method.personal is not None
    assert sealed.wrapped is not None
    assert PHONE not in sealed.method.personal
    key = RING.open(sealed.wrapped, owner=key_owner("pay_1"))
    assert PHONE.encode() in KeyRing({"personal": key}).open(sealed.method.personal, owner="pay_1")
    with pytest.raises(SecretUnreadable):
        RING.open(sealed.method.personal, owner="pay_1")


async def test_erasing_a_payment_that_has_ended_destroys_its_key_here_and_has_the_providers_do_so(gateway, merchant):
    made = await hold_a_phone(gateway, merchant)
    await gateway.receive(gateway.step(merchant, made))
    answer = await merchant.post(f"/v1/payments/{made['id']}/erase")
    assert answer.status_code == 202
    await until(lambda: erased(gateway), what="an erased key")
    assert await gateway.pool.fetchval("SELECT wrapped FROM personal_keys") is None
    await gateway.receive(PersonalKeyDestroyed(payment_id=made["id"], provider="stripe"), topic=OUTCOMES)
    again = await merchant.post(f"/v1/payments/{made['id']}/erase")
    assert (again.status_code, again.json()) == (202, {"erased": 1, "waiting": 0})
    assert await erased(gateway) == [made["id"]]
    assert (await merchant.get(f"/v1/payments/{made['id']}")).json()["amount"] == made["amount"]


async def test_a_payment_that_is_under_way_is_erased_once_it_has_ended(gateway, merchant):
    made = await hold_a_phone(gateway, merchant)
    answer = await merchant.post("/v1/customers/customer-7/erase")
    assert answer.json() == {"erased": 0, "waiting": 1}
    assert not await personal.erase_ended(gateway.dependencies.database)
    assert not await erased(gateway)
    await gateway.receive(gateway.step(merchant, made))
    assert await until(lambda: erased(gateway), what="an erased key") == [made["id"]]


async def make_due(gateway) -> None:
    await gateway.pool.execute("UPDATE personal_keys SET announce_at = announce_at - interval '1 day'")


async def is_announced(gateway, times: int) -> bool:
    return len(await erased(gateway)) == times


async def test_an_erasure_is_announced_until_each_service_that_may_hold_the_key_has_destroyed_it(gateway, merchant):
    made, database = await hold_a_phone(gateway, merchant), gateway.dependencies.database
    await gateway.pool.execute('UPDATE personal_keys SET held_by = \'["bank", "stripe"]\'')
    await gateway.receive(gateway.step(merchant, made))
    await merchant.post(f"/v1/payments/{made['id']}/erase")
    await until(lambda: erased(gateway), what="an erased key")
    for times, provider in ((2, "bank"), (3, "stripe"), (3, None)):
        await make_due(gateway)
        await personal.announce_again(database)
        await until(partial(is_announced, gateway, times), what=f"{times} announcements")
        answer = (await merchant.post(f"/v1/payments/{made['id']}/erase")).json()
        assert answer == ({"erased": 0, "waiting": 1} if provider else {"erased": 1, "waiting": 0})
        if provider is not None:
            await gateway.receive(PersonalKeyDestroyed(payment_id=made["id"], provider=provider), topic=OUTCOMES)
    last = (await sent(gateway, PersonalKeyErased))[-1]
    assert last.providers == ("stripe",)


async def test_an_erasure_that_nobody_confirms_is_announced_ever_more_rarely_and_at_least_once_a_day(gateway, merchant):
    made, database = await hold_a_phone(gateway, merchant), gateway.dependencies.database
    await gateway.receive(gateway.step(merchant, made))
    await merchant.post(f"/v1/payments/{made['id']}/erase")
    await until(lambda: erased(gateway), what="an erased key")
    for age, least, most in (("0 s", "50 s", "61 s"), ("1 hour", "59 min", "61 min"), ("90 days", "23 hours", "1 day")):
        await gateway.pool.execute(f"UPDATE personal_keys SET erased_at = now() - interval '{age}'")
        await make_due(gateway)
        await personal.announce_again(database)
        await until(
            partial(gateway.pool.fetchval, "SELECT announce_at > now() FROM personal_keys"), what="the next time"
        )
        within = f"SELECT announce_at - now() BETWEEN interval '{least}' AND interval '{most}' FROM personal_keys"
        assert await gateway.pool.fetchval(within), age


async def test_of_two_services_that_confirm_at_once_neither_is_told_again(gateway, merchant):
    made = await hold_a_phone(gateway, merchant)
    await gateway.pool.execute('UPDATE personal_keys SET held_by = \'["bank", "stripe"]\'')
    await gateway.receive(gateway.step(merchant, made))
    await merchant.post(f"/v1/payments/{made['id']}/erase")
    await until(lambda: erased(gateway), what="an erased key")
    both = [PersonalKeyDestroyed(payment_id=made["id"], provider=one) for one in ("bank", "stripe")]
    await gateway.receive(*both, topic=OUTCOMES)
    assert await gateway.pool.fetchval("SELECT announce_at FROM personal_keys") is None


@pytest.mark.parametrize("written", ["no%EBl", "no%zzl", "%ED%A0%80"])
async def test_a_customer_who_is_written_as_no_utf_8_is_refused_and_not_taken_for_nobody(gateway, merchant, written):
    await hold_a_phone(gateway, merchant, "no\u00ebl")
    refused = await merchant.post(f"/v1/customers/{written}/erase", key="erase")
    assert (refused.status_code, refused.json()["code"]) == (400, "parameter_invalid")
    assert refused.json()["detail"] == "customer_ref: must be UTF-8, percent-encoded, e.g. no%C3%ABl"
    right = await merchant.post("/v1/customers/no%C3%ABl/erase", key="erase")
    assert (right.status_code, sum(right.json().values())) == (202, 1)


async def test_a_customers_payments_are_erased_and_nobody_elses(gateway, merchant):
    stranger = await gateway.merchant()
    customers, of_another, others = (
        await hold_a_phone(gateway, merchant),
        await hold_a_phone(gateway, merchant, "customer-8"),
        await hold_a_phone(gateway, stranger),
    )
    for owner, made in ((merchant, customers), (merchant, of_another), (stranger, others)):
        await gateway.receive(gateway.step(owner, made))
    assert (await merchant.post("/v1/customers/customer-7/erase")).status_code == 202
    assert await until(lambda: erased(gateway), what="an erased key") == [customers["id"]]
    kept = await gateway.pool.fetch("SELECT payment_id FROM personal_keys WHERE wrapped IS NOT NULL ORDER BY 1")
    assert [row["payment_id"] for row in kept] == sorted([of_another["id"], others["id"]])


@pytest.mark.parametrize("reference", ["Jan\u00a0Kowalski", "\U0001f468\u200d\U0001f469", "a\u00adb", "\u3000x", "a/b"])
async def test_whatever_a_payment_takes_as_its_customer_can_be_erased(gateway, merchant, reference):
    made = await hold_a_phone(gateway, merchant, reference)
    assert (await merchant.pay({**CARD, "customer_ref": reference})).status_code == 202
    await gateway.receive(gateway.step(merchant, made))
    assert (await merchant.post(f"/v1/customers/{quote(reference, safe='')}/erase")).status_code == 202
    assert await until(lambda: erased(gateway), what="an erased key") == [made["id"]]


async def test_a_payment_that_holds_nothing_personal_and_a_customer_who_is_unknown_are_counted_nowhere(
    gateway, merchant
):
    made = (await merchant.pay()).json()
    for path in (f"/v1/payments/{made['id']}/erase", "/v1/customers/nobody/erase", "/v1/customers/a%00b/erase"):
        answer = await merchant.post(path)
        assert (answer.status_code, answer.json()) == (202, {"erased": 0, "waiting": 0}), path
    assert (await merchant.post("/v1/payments/pay_nothing/erase")).json()["code"] == "payment_not_found"


@pytest.mark.parametrize("is_erased", [False, True])
async def test_a_key_that_a_providers_service_lacks_is_published_again(gateway, merchant, make, is_erased):
    made = await hold_a_phone(gateway, merchant)
    if is_erased:
        await gateway.receive(gateway.step(merchant, made))
        await merchant.post(f"/v1/payments/{made['id']}/erase")
        await until(lambda: erased(gateway), what="an erased key")
    expected = PersonalKeyErased if is_erased else PersonalKeyIssued
    before = len(await sent(gateway, expected))
    moment = clock.now()
    missed = AttemptPostponed(
        payment_id=made["id"], operation_id=f"{made['id']}.1", kind="charge", provider="stripe", step=1,
        code="personal_data_behind", detail="", tries=1, retry_at=moment, observed_at=moment,
    )  # fmt: skip
    await gateway.receive(missed, topic=OUTCOMES)
    assert len(await sent(gateway, expected)) == before + 1


async def test_a_payment_whose_method_is_about_a_person_is_accepted_with_its_key_apart(gateway, merchant, monkeypatch):
    monkeypatch.setattr(personal, "parted", lambda method: ({"type": method.type, "token": "pm_..."}, {"token": PHONE}))
    made = (await merchant.pay(CARD | {"customer_ref": "customer-7"})).json()
    messages = await gateway.sent()
    [command] = [one for one in messages if isinstance(one, CreatePayment)]
    [issued] = [one for one in messages if isinstance(one, PersonalKeyIssued)]
    assert (command.payment_id, command.method.details) == (made["id"], {"token": "pm_..."})
    assert (issued.payment_id, issued.providers) == (made["id"], ("stripe",))
    assert command.method.personal is not None
    key = RING.open(issued.wrapped, owner=key_owner(made["id"]))
    assert PHONE.encode() in KeyRing({"personal": key}).open(command.method.personal, owner=made["id"])
    kept = await gateway.pool.fetchrow("SELECT payment_id, merchant_id, mode, customer_ref, wrapped FROM personal_keys")
    assert tuple(kept) == (made["id"], merchant.id, "test", "customer-7", issued.wrapped)
