"""Processes of PayPal's service that die, race and hear late, upon a real database: one capture, one refund, by the book."""

import asyncio
import json

import pytest
from paypal_account import PAYMENTS, Approved, new_charge
from paypal_replica import Replica
from paypal_samples import USD_10

from malipo.contracts.outcomes import (
    ActionRequired,
    Canceled,
    OperationOpened,
    OutcomeReported,
    Succeeded,
    Unknown,
)
from malipo.contracts.outcomes import Approved as Agreed
from malipo.money import Money
from provider_paypal.events import parse_event
from testkit.replica import CREDENTIAL


async def paid(replica: Replica, **changes) -> Approved:
    one = await replica.approve(**changes)
    await replica.command(one.confirm())
    await replica.hear()
    await replica.reports()
    return one


async def die_in(replica: Replica, verb: str, monkeypatch, *, after: bool, run=None) -> None:
    """Run what is due in a process that dies around its request."""
    call = getattr(replica.provider, verb)

    async def die(attempt):
        if after:
            await call(attempt)
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(replica.provider, verb, die)
        with pytest.raises(asyncio.CancelledError):
            await (run or replica.run)()
    await replica.end_leases()


async def test_an_approval_is_told_by_its_webhook_and_the_capture_by_another(replica):
    one = await replica.approve()
    assert await replica.hear() == ["stored"]
    assert isinstance(await replica.last(one.charge), Agreed)
    await replica.command(one.confirm())
    assert "stored" in await replica.hear()
    assert await replica.last(one.charge) == Succeeded(amount=USD_10, reference=one.order)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("what", ["charge", "confirm", "refund"])
async def test_what_dies_around_its_request_is_carried_out_once_by_who_comes_after(replica, monkeypatch, what, after):
    if what == "charge":
        operation = new_charge()
    else:
        one = await (replica.approve() if what == "confirm" else paid(replica))
        operation = one.confirm() if what == "confirm" else one.part("refund", 400)
    await replica.handle(operation)
    await die_in(replica, "execute", monkeypatch, after=after)
    other = replica.another()
    await other.run()
    assert isinstance(await other.last(operation), ActionRequired if what == "charge" else Succeeded)
    orders = (await replica.paypal.http.get("/_sim/orders")).json()
    book = {"charge": [], "confirm": [("capture", 1000)], "refund": [("capture", 1000), ("refund", 400)]}
    assert (len(orders), await replica.paypal.book()) == (1, book[what])


async def test_a_refund_keeps_to_its_capture_when_the_process_dies_although_another_has_more_left_by_then(
    replica, monkeypatch
):
    one = await replica.approve(capture="manual")
    await replica.command(one.confirm())
    for final in (False, True):
        await replica.command(one.part("capture", 500, final=final))
    back = one.part("refund", 400)
    await replica.handle(back)
    await die_in(replica, "execute", monkeypatch, after=True)
    await replica.another().run()
    assert (await replica.last(back)).amount == Money(400, "USD")
    assert (await replica.paypal.book())[3:] == [("refund", 400)]


async def test_what_a_replica_that_has_lost_its_lease_chose_is_nobodys_choice(replica, monkeypatch):
    one = await replica.approve(capture="manual")
    await replica.command(one.confirm())
    for final in (False, True):
        await replica.command(one.part("capture", 500, final=final))
    await replica.paypal.fault("refund_pending", path=PAYMENTS)
    waiting = await replica.command(one.part("refund", 400))  # of the first capture
    await replica.handle(one.part("refund", 400))
    slow, quick = replica, replica.another()
    prepare, taken = slow.provider.prepare, []

    async def be_slow(attempt):
        await prepare(attempt)  # chooses the second capture: the first has too little left
        await replica.paypal.control(f"refunds/{waiting.reference}/fail")
        await replica.end_leases()
        taken.extend(await quick.attempts.claim_operations(quick.lease, 10, []))

    monkeypatch.setattr(slow.provider, "prepare", be_slow)
    await slow.run()
    monkeypatch.setattr(slow.provider, "prepare", prepare)
    await die_in(quick, "execute", monkeypatch, after=True, run=lambda: quick.runner.run(*taken))  # of the first
    await slow.run()
    found = (await replica.paypal.http.get("/_sim/requests", params={"limit": 1000})).json()
    _, *tries = [one["path"] for one in found if one["path"].endswith("/refund")]
    assert len(tries) == 2
    assert len(set(tries)) == 1  # both of one capture, under one key


async def test_two_replicas_and_a_webhook_confirm_one_order_once(replica):
    one = await replica.approve()
    other = replica.another()
    await replica.handle(one.confirm())
    await other.handle(one.confirm())
    await asyncio.gather(replica.run(), other.run(), replica.hear())
    await replica.hear()
    assert await replica.paypal.book() == [("capture", 1000)]


async def test_a_lost_answer_is_ended_by_the_webhook_which_names_what_was_captured(replica):
    one = await replica.approve()
    await replica.paypal.lose_capture(one, "error_after_effect")
    assert isinstance(await replica.command(one.confirm()), Unknown)
    await replica.hear()
    assert await replica.last(one.charge) == Succeeded(amount=USD_10, reference=one.order)


async def test_the_webhooks_of_a_capture_of_an_authorization_and_of_its_refund_find_their_operations(
    replica, monkeypatch
):
    one = await replica.approve(capture="manual")
    await replica.command(one.confirm())
    part, back = one.part("capture", 700), one.part("refund", 200)
    await replica.handle(part)
    await die_in(replica, "execute", monkeypatch, after=True)
    await replica.hear()
    first, _ = await replica.outcomes(part)  # the webhook's, then that of who comes after
    assert first == Succeeded(amount=Money(700, "USD"), reference=one.order)
    await replica.handle(back)
    await die_in(replica, "execute", monkeypatch, after=True)
    await replica.hear()
    told, _ = await replica.outcomes(back)
    assert told.amount == Money(200, "USD")
    assert await replica.query(back, told.reference) == told


async def test_the_webhook_of_a_refund_that_comes_before_its_answer_finds_it(replica, monkeypatch):
    one = await paid(replica)
    back = one.part("refund", 400)
    await replica.handle(back)
    await die_in(replica, "execute", monkeypatch, after=True)
    assert await replica.hear() == ["stored"]
    assert (await replica.last(back)).amount == Money(400, "USD")


@pytest.mark.parametrize("has_invoice", [False, True])
async def test_a_refund_told_without_our_id_of_it_waits_while_ours_has_no_answer(replica, has_invoice):
    one = await paid(replica)
    back = one.part("refund", 400)
    await replica.paypal.fault("answer_lost", path=PAYMENTS)
    assert isinstance(await replica.command(back), Unknown)
    (made,) = (await replica.paypal.payments(one))["refunds"]
    shown = ("id", "status", "amount", "create_time", "links", *(["invoice_id"] if has_invoice else []))
    resource = {name: made[name] for name in shown}
    event = {"id": "WH-bare", "event_type": "PAYMENT.CAPTURE.REFUNDED", "resource": resource}
    await replica.door.take(await replica.credentials.by_id(CREDENTIAL), parse_event(json.dumps(event).encode()))
    assert await replica.reports() == []
    await replica.run()
    assert (await replica.last(back)).amount == Money(400, "USD")


async def test_a_refund_made_in_the_dashboard_is_told_of_its_payment(replica):
    one = await paid(replica)
    (capture,) = await replica.paypal.capture_ids(one)
    made = await replica.paypal.control(f"captures/{capture}/refunds", amount=250)
    await replica.hear()
    (report,) = [told for told in await replica.reports() if isinstance(told, OperationOpened)]
    assert (report.payment_id, report.reference) == (one.charge.payment_id, made["id"])
    assert report.amount == Money(250, "USD")


async def test_a_hold_that_runs_out_is_found_canceled(replica):
    one = await replica.approve(capture="manual")
    await replica.command(one.confirm())
    await replica.hear()
    await replica.paypal.control("clock", advance_seconds=30 * 86400)
    await replica.hear()
    assert await replica.last(one.charge) == Canceled(reference=one.order)
    assert await replica.query(one.confirm(), one.order) == Canceled(reference=one.order)


async def test_a_timeline_shows_each_request_and_nothing_about_the_payer(replica):
    one = await replica.approve()
    await replica.handle(one.confirm())
    await replica.run()
    (report,) = [told for told in await replica.reports() if isinstance(told, OutcomeReported)]
    (exchange,) = report.exchanges
    assert (exchange.method, exchange.path, exchange.status) == (
        "POST",
        f"/v2/checkout/orders/{one.order}/capture",
        201,
    )
    assert exchange.request_id
    rows = await replica.database.reads.fetch("SELECT row_to_json(a)::text AS all FROM attempts a")
    kept = f"{report} {[row['all'] for row in rows]}"
    assert not any(text in kept for text in ("@example", "@personal", "given_name", "surname", "payer_id"))


async def test_who_knows_only_an_apps_id_does_not_use_its_access_token(replica):
    """The service asks PayPal for a token by id and secret, whoever has got one by that id before."""
    await replica.command(new_charge())
    stranger = replica.another()
    await stranger.set_up(replica.paypal.credentials | {"client_secret": "a-revoked-secret"}, version=2)
    charge = new_charge()
    await stranger.handle(charge)
    await stranger.run()
    assert len((await replica.paypal.http.get("/_sim/orders")).json()) == 1
    assert (await stranger.last(charge)).code == "provider_misconfigured"
