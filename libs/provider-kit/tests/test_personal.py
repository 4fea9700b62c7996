"""Keys to personal data in a provider's service: they come apart from the commands, in any order, and go for good."""

from itertools import permutations
from typing import Annotated, Literal

import msgspec
import pytest
from structlog.testing import capture_logs

from malipo import ids
from malipo.contracts.commands import PaymentMethod
from malipo.contracts.descriptor import (
    AmountRule,
    Details,
    Method,
    MethodRules,
    Never,
    OperationRules,
    Personal,
    ProviderDescriptor,
)
from malipo.contracts.outcomes import Declined, PersonalKeyDestroyed, Unknown
from malipo.contracts.personal import PersonalKeyErased, PersonalKeyIssued
from malipo.messaging.subscription import Received
from malipo.platform.personal_data import seal_texts
from malipo.platform.secrets import KEY_BYTES, KeyRing
from provider_kit.personal import KeyBehind, PersonalDataErased, PersonalDataUnreadable, PersonalKeys

RING = KeyRing({"k1": b"k" * KEY_BYTES})
PHONE = "254722000111"
HERE = ("fake", "another")
HIDDEN = "[redacted]"


class Phone(Method):
    type: Literal["phone"]
    phone: Annotated[str, Personal(lambda number: f"...{number[-3:]}")]


DESCRIPTOR = ProviderDescriptor(
    name="fake",
    title="Fake",
    credentials=Details,
    methods=(MethodRules(model=Phone, currencies={"USD": AmountRule()}),),
    operations={"charge": OperationRules()},
    repeat=Never(),
    callbacks="hint",
)


def sealed(payment_id: str, ring: KeyRing = RING) -> tuple[PaymentMethod, PersonalKeyIssued]:
    ciphertext, wrapped = seal_texts({"/phone": PHONE}, payment_id, ring)
    method = PaymentMethod(type="phone", details={"phone": "...111"}, personal=ciphertext)
    return method, PersonalKeyIssued(payment_id=payment_id, wrapped=wrapped, providers=HERE)


class Keys(PersonalKeys):
    async def receive(self, *messages) -> None:
        batch = [Received(m, ids.new("msg"), "topic", m.payment_id) for m in messages]
        async with self._database.begin() as unit:
            await self.replicate(lambda: None, unit, batch)


@pytest.fixture
async def keys(bare_kit) -> Keys:
    return Keys(DESCRIPTOR, bare_kit.database, RING)


async def test_a_method_is_opened_with_its_key_and_waits_for_one_that_has_not_come(keys):
    method, issued = sealed("pay_1")
    with pytest.raises(KeyBehind):
        await keys.open("pay_1", method)
    await keys.receive(issued)
    assert await keys.open("pay_1", method) == Phone(type="phone", phone=PHONE)


async def test_a_method_without_anything_personal_needs_no_key(keys):
    method = PaymentMethod(type="phone", details={"phone": "of nobody"})
    assert await keys.open("pay_1", method) == Phone(type="phone", phone="of nobody")


async def test_an_erased_key_stays_erased_in_whichever_order_messages_come(keys):
    for number, order in enumerate(permutations(("issued", "issued again", "erased"))):
        payment_id = f"pay_{number}"
        method, issued = sealed(payment_id)
        for what in order:
            await keys.receive(PersonalKeyErased(payment_id=payment_id, providers=HERE) if what == "erased" else issued)
        with pytest.raises(PersonalDataErased):
            await keys.open(payment_id, method)
        await keys.receive(issued, PersonalKeyErased(payment_id=payment_id, providers=HERE))
        with pytest.raises(PersonalDataErased):
            await keys.open(payment_id, method)


async def test_a_service_keeps_no_key_of_a_payment_that_goes_to_other_providers_alone(keys):
    method, issued = sealed("pay_1")
    await keys.receive(msgspec.structs.replace(issued, providers=("another",)))
    with pytest.raises(KeyBehind):
        await keys.open("pay_1", method)


async def test_each_time_that_a_key_is_to_be_erased_its_end_is_reported(bare_kit, keys):
    _, issued = sealed("pay_1")
    await keys.receive(issued)
    assert await bare_kit.reports() == []
    for _ in range(2):  # the first report may have been lost
        await keys.receive(
            PersonalKeyErased(payment_id="pay_1", providers=HERE),
            PersonalKeyErased(payment_id="pay_2", providers=("another",)),
        )
        assert await bare_kit.reports() == [PersonalKeyDestroyed(payment_id="pay_1", provider="fake")]


async def test_a_key_opens_no_other_payments_data(keys):
    (first, _), (_, others) = sealed("pay_1"), sealed("pay_2")
    await keys.receive(PersonalKeyIssued(payment_id="pay_1", wrapped=others.wrapped, providers=HERE))
    with pytest.raises(PersonalDataUnreadable):
        await keys.open("pay_1", first)


async def test_data_that_cannot_be_read_is_not_quoted(keys):
    method, issued = sealed("pay_1", KeyRing({"k1": b"x" * KEY_BYTES}))
    await keys.receive(issued)
    with pytest.raises(PersonalDataUnreadable) as raised:
        await keys.open("pay_1", method)
    assert raised.value.__cause__ is None


class Counting:
    """A database that counts what is read of it."""

    def __init__(self, database) -> None:
        self.asked = 0
        self._database = database

    @property
    def reads(self):
        return self

    async def fetch(self, *asked):
        self.asked += 1
        return await self._database.reads.fetch(*asked)


async def test_what_hides_the_texts_of_many_charges_is_found_by_one_statement(keys, make):
    sealed_ones = {f"pay_{number}": sealed(f"pay_{number}") for number in range(5)}
    charges = {
        payment_id: make.charge(payment_id=payment_id, operation_id=f"{payment_id}.1", method=method)
        for payment_id, (method, _) in sealed_ones.items()
    }
    issued = [message for _, message in sealed_ones.values()]
    wrong = msgspec.structs.replace(issued[4], wrapped=issued[0].wrapped)
    await keys.receive(*issued[:3], wrong)  # of the fourth none has come
    await keys.receive(PersonalKeyErased(payment_id="pay_2", providers=HERE))
    again = make.charge(payment_id="pay_0", operation_id="pay_0.2", method=charges["pay_0"].method)
    bare = make.charge(payment_id="pay_9", operation_id="pay_9.1", method=PaymentMethod(type="phone"))
    keys._database = counting = Counting(keys._database)
    with capture_logs() as logs:
        concealed = await keys.concealed_of([*charges.values(), again, bare, make.refund(payment_id="pay_1")])
    shown = {operation_id: one.without(PHONE) for operation_id, one in concealed.items()}
    hidden = dict.fromkeys(("pay_0.1", "pay_0.2", "pay_1.1"), HIDDEN)
    assert shown == hidden | dict.fromkeys(("pay_2.1", "pay_3.1", "pay_4.1"), PHONE)
    assert [(one["event"], one["payment_id"]) for one in logs] == [("personal data cannot be read", "pay_4")]
    assert counting.asked == 1
    assert await keys.concealed_of([bare]) == {}
    assert counting.asked == 1


async def test_a_charge_waits_for_the_key_to_what_it_needs_and_goes_out_with_it(kit, make):
    kit.provider.descriptor = kit.keys._descriptor = DESCRIPTOR
    method, issued = sealed("pay_1")
    await kit.handle(make.charge(method=method))
    await kit.run()
    assert not kit.provider.executed
    [postponed] = await kit.reports()
    assert (postponed.code, postponed.retry_at > postponed.observed_at) == ("personal_data_behind", True)
    async with kit.database.begin() as unit:
        await kit.keys.replicate(lambda: None, unit, [Received(issued, ids.new("msg"), "topic", "pay_1")])
    await kit.run()
    assert [attempt.method for attempt in kit.provider.executed] == [Phone(type="phone", phone=PHONE)]


async def test_a_charge_whose_data_was_erased_before_it_was_sent_is_declined(kit, make):
    kit.provider.descriptor = kit.keys._descriptor = DESCRIPTOR
    method, _ = sealed("pay_1")
    async with kit.database.begin() as unit:
        erased = PersonalKeyErased(payment_id="pay_1", providers=HERE)
        await kit.keys.replicate(lambda: None, unit, [Received(erased, ids.new("msg"), "topic", "pay_1")])
    await kit.handle(make.charge(method=method))
    await kit.run()
    assert not kit.provider.executed
    _, declined = [getattr(report, "outcome", None) for report in await kit.reports()]
    assert (type(declined), declined.code) == (Declined, "personal_data_erased")


async def test_what_became_of_a_charge_can_be_asked_when_its_data_is_erased(kit, make):
    kit.keys._descriptor = DESCRIPTOR
    method, issued = sealed("pay_1")
    async with kit.database.begin() as unit:
        await kit.keys.replicate(lambda: None, unit, [Received(issued, ids.new("msg"), "topic", "pay_1")])
    await kit.handle(make.charge(method=method))
    kit.provider.script = [Unknown(reason="silence")]
    await kit.run()
    async with kit.database.begin() as unit:
        erased = PersonalKeyErased(payment_id="pay_1", providers=HERE)
        await kit.keys.replicate(lambda: None, unit, [Received(erased, ids.new("msg"), "topic", "pay_1")])
    await kit.handle(make.query())
    await kit.run()
    assert [attempt.method for attempt in kit.provider.queried] == [None]


async def with_a_key_that_opens_nothing(kit, make) -> None:
    """A charge whose key was wrapped by a key that is not on the ring any more."""
    kit.provider.descriptor = kit.keys._descriptor = DESCRIPTOR
    method, issued = sealed("pay_1", KeyRing({"old": b"o" * KEY_BYTES}))
    async with kit.database.begin() as unit:
        await kit.keys.replicate(lambda: None, unit, [Received(issued, ids.new("msg"), "topic", "pay_1")])
    await kit.handle(make.charge(method=method))


async def test_what_became_of_a_charge_can_be_asked_when_the_key_to_its_data_left_the_ring(kit, make):
    await with_a_key_that_opens_nothing(kit, make)
    await kit.die_after_sending()
    await kit.sql("UPDATE attempts SET done_at = now()")
    await kit.handle(make.query())
    await kit.run()
    assert [attempt.method for attempt in kit.provider.queried] == [None]


async def test_a_charge_whose_data_cannot_be_read_waits_for_the_ring_to_be_mended_and_says_so(kit, make):
    await with_a_key_that_opens_nothing(kit, make)
    await kit.run()
    [postponed] = await kit.reports()
    assert postponed.code == "personal_data_unreadable"
    await kit.grow_old(minutes=2)
    await kit.make_due()
    await kit.run()
    [declined] = await kit.outcomes()
    assert (type(declined), declined.code, kit.provider.executed) == (Declined, "personal_data_unreadable", [])


@pytest.mark.parametrize("method", [PaymentMethod(type="card"), PaymentMethod(type="barter", details={"goats": 2})])
async def test_a_charge_whose_method_cannot_be_read_is_refused_before_anything_is_sent_and_alerted(kit, make, method):
    await kit.handle(make.charge(method=method), make.refund())
    with capture_logs() as logged:
        await kit.run()
    assert not kit.provider.executed
    [declined] = await kit.outcomes()
    assert (type(declined), declined.code) == (Declined, "method_unreadable")
    assert [one["event"] for one in logged if one["log_level"] == "error"] == ["method cannot be read"]
    await kit.run()
    assert [attempt.operation.operation_id for attempt in kit.provider.executed] == ["ref_1"]  # what waited behind it


async def test_a_charge_that_was_perhaps_sent_before_its_method_could_not_be_read_is_asked_about(kit, make):
    await kit.handle(make.charge(method=PaymentMethod(type="card")))
    await kit.die_after_sending()
    await kit.run()
    assert (kit.provider.executed, len(kit.provider.queried)) == ([], 1)
    await kit.handle(make.query())
    await kit.run()
    assert len(kit.provider.queried) == 2
