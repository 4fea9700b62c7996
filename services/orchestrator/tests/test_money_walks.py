"""Money that is reported in every way, and persons who assign it: under one id it is one payment's, and none is lost. Real database."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from malipo import clock, ids
from malipo.contracts.identity import opened_id
from malipo.contracts.outcomes import Declined, PaymentReceived, Reversed, Succeeded, Unknown, UnmatchedReported
from malipo.contracts.providers import PROVIDERS
from malipo.money import Money
from orchestrator import decisions, suspense

USD_10 = Money(1000, "USD")
PAYMENTS, MONEYS = st.sampled_from([0, 1, 2]), st.sampled_from([0, 1, 2])
REPORTS = st.one_of(
    st.tuples(st.just("paid"), PAYMENTS, MONEYS),
    st.tuples(st.just("paid"), PAYMENTS, MONEYS),
    st.tuples(st.just("back"), PAYMENTS, MONEYS),
    st.tuples(st.sampled_from(["declined", "unknown"]), PAYMENTS),
    st.tuples(st.sampled_from(["received", "unmatched", "unmatched"]), MONEYS),
)
PERSONS = st.one_of(
    st.tuples(st.just("assign"), PAYMENTS, MONEYS),
    st.tuples(st.just("decide"), PAYMENTS, st.sampled_from(["completed", "failed"])),
    st.tuples(st.just("settle"), MONEYS),
)
STEPS = st.lists(st.lists(REPORTS, min_size=1, max_size=3) | PERSONS, max_size=12)


@pytest.fixture(autouse=True)
def receives(monkeypatch):
    """A provider that reports money of itself."""
    monkeypatch.setitem(PROVIDERS, "stripe", replace(PROVIDERS["stripe"], receives=True))


class MoneyWalk:
    """Three payments of one merchant, and three sums of money that each may be any's."""

    def __init__(self, orchestrator, make) -> None:
        self.orchestrator, self.make, self.at = orchestrator, make, clock.now()
        self.payments = [ids.new("pay") for _ in range(3)]
        self.moneys = [ids.new("qk") for _ in range(3)]

    async def begin(self) -> None:
        await self.orchestrator.handle(*[self.make.create(payment_id=one) for one in self.payments])

    async def step(self, step) -> None:
        if isinstance(step, list):
            sent = await self.orchestrator.handle(*[self.report(*one) for one in step])
            contradicted = any(getattr(one, "contradiction", False) for one in sent)
            await self.require_that_none_is_lost(step, contradicted=contradicted)
        else:
            try:
                await self.person(*step)
            except decisions.Impossible:
                return
        await self.require_one_owner()

    def report(self, what, *about):
        match what:
            case "paid" | "back":
                payment, money = about
                reference = self.moneys[money]
                back = Reversed(code="account_closed", reference=reference)
                paid = Succeeded(amount=USD_10, reference=reference)
                outcome = paid if what == "paid" else back
                return self.make.report(self.payments[payment], outcome, source="callback")
            case "declined" | "unknown":
                outcome = Declined(code="card_declined") if what == "declined" else Unknown(reason="timeout")
                return self.make.report(self.payments[about[0]], outcome, source="query", step=99)
            case _:
                return self.money_of_itself(what, self.moneys[about[0]])

    def money_of_itself(self, what, reference):
        money = {
            "merchant_id": "mer_1", "mode": "test", "provider": "stripe", "account": "default", "reference": reference,
            "amount": USD_10, "received_at": self.at, "observed_at": self.at,
        }  # fmt: skip
        if what == "unmatched":
            return UnmatchedReported(id=self.suspense_id(reference), description="by hand", **money)
        payment_id = opened_id("pay", self.at, "mer_1/test/default", "stripe", reference)
        return PaymentReceived(payment_id=payment_id, method="card", account_reference="order 7", **money)

    def suspense_id(self, reference) -> str:
        return opened_id("sus", self.at, "mer_1/test/default", "stripe", reference)

    async def person(self, what, *about) -> None:
        database = self.orchestrator.database
        match what:
            case "assign":
                payment, money = self.payments[about[0]], self.suspense_id(self.moneys[about[1]])
                await decisions.assign(database, money, payment, "The receipt names it.", "Jo")
            case "decide":
                payment, ending = self.payments[about[0]], about[1]
                await decisions.decide(database, payment, ending, "The book shows it.", "Jo", against_report=True)
            case "settle":
                await decisions.settle(database, self.suspense_id(self.moneys[about[0]]), "Given back.", "Jo")

    async def require_one_owner(self) -> None:
        """No two payments have one sum, and none that a payment has waits for a person."""
        rows = await self.orchestrator.database.reads.fetch(
            "SELECT coalesce(assigned_reference, paid_reference) AS money FROM payments"
            " WHERE state = 'completed' AND coalesce(assigned_reference, paid_reference) = ANY($1::text[])",
            self.moneys,
        )
        had = [row["money"] for row in rows]
        assert len(had) == len(set(had)), "one sum is two payments'"
        assert not await self.in_suspense() & set(had), "a payment's money waits for a person"

    async def require_that_none_is_lost(self, reports, *, contradicted: bool) -> None:
        """What was reported is a payment's, or waits for a person or was settled by one, or has been alerted."""
        for what, *about in reports:
            if what in ("paid", "received", "unmatched"):
                found = await self.orchestrator.database.reads.fetchval(
                    "SELECT EXISTS (SELECT FROM receipts WHERE reference = $1)"
                    " OR EXISTS (SELECT FROM suspense WHERE reference = $1)",
                    self.moneys[about[-1]],
                )
                assert found or contradicted, "money is nobody's"

    async def in_suspense(self) -> set[str]:
        found = await suspense.still_open(self.orchestrator.database.reads, "", 10_000)
        return {one.reference for one in found}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
async def test_money_under_one_id_is_one_payments_and_none_is_lost_whoever_reports_and_assigns_it(
    orchestrator, make, steps
):
    walk = MoneyWalk(orchestrator, make)
    await walk.begin()
    for step in steps:
        await walk.step(step)
