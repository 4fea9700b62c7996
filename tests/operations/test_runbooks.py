"""The condition of each alert is caused, and its page followed until it is over. `make runbooks` runs all of it, `make test` a sample."""

import json
import re
from collections.abc import Generator
from datetime import timedelta

import httpx
import pytest
from operating import run_command

from malipo import clock, ids
from malipo.contracts.commands import CancelPayment
from malipo.contracts.identity import charge_id
from malipo.contracts.outcomes import OutcomeReported, Succeeded
from malipo.contracts.topics import OUTCOMES, PAYMENT_COMMANDS, PAYMENT_EVENTS
from malipo.money import Money
from malipo_local import Stack
from malipo_local.merchant import DemoMerchant, Json
from malipo_local.services import Kind, names
from malipo_local.waiting import until
from operations import pages
from operations.acts import delete_records, delete_topic, execute, merchant_id, publish, publish_bytes, sql
from operations.pages import long
from operations.scrapes import SECONDS, above, healthy, is_over, problems, value

RUNBOOKS = pages.GUIDES / "runbooks"
CREATES = {"method": "POST", "path": "/v1/payment_intents"}
BY_HAND = 88_800
CARD = {"amount": 1250, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}

pytestmark = pytest.mark.timeout(900)


def follow(stack: Stack, alert: str, **variables: str) -> str:
    return pages.run(stack, f"runbooks/{alert}.md", "What to do", **variables)


@pytest.fixture(scope="module")
def shop(stack) -> Generator[DemoMerchant]:
    with DemoMerchant.open(stack, running=run_command) as opened:
        if pages.WHOLE:
            opened.connect_mpesa()
            opened.paybill.pay_by_hand(BY_HAND, "")
        yield opened


def told_once(shop: DemoMerchant, payment_id: str) -> None:
    assert shop.wait(payment_id, seconds=SECONDS)["status"] == "completed"
    shop.events(payment_id, "payment.completed", seconds=SECONDS)


def pay_soon(shop: DemoMerchant, count: int) -> list[str]:
    return [shop.pay(amount=3000 + number, prefer="respond-async")["id"] for number in range(count)]


def test_a_partition_rests_and_its_lag_does_not_fall_until_it_is_stepped_over(stack, shop):
    """MalipoPartitionRests, MalipoLagDoesNotFall, MalipoPollsFail."""
    paid = shop.pay()["id"]
    shop.wait(paid, "completed", seconds=SECONDS)
    publish_bytes(stack, PAYMENT_COMMANDS.name, "unknown", b'{"type":"FromTheFuture"}', partition=3)
    above(stack, "orchestrator", "malipo_partitions_resting", 0, topic=PAYMENT_COMMANDS.name)
    known = CancelPayment(payment_id=paid, cancel_id=ids.new("can"))
    publish(stack, PAYMENT_COMMANDS, known.payment_id, known, partition=3, times=501)
    above(stack, "orchestrator", "malipo_consumer_lag_messages", 500, topic=PAYMENT_COMMANDS.name)
    assert "malipo_partitions_resting" in follow(stack, "MalipoLagDoesNotFall")
    assert "FromTheFuture" in follow(stack, "MalipoPollsFail")
    offset = re.search(r"at offset (\d+)", problems(stack, "orchestrator")["partitions"])
    assert offset
    where = {"GROUP": "orchestrator.payments", "TOPIC": PAYMENT_COMMANDS.name, "PARTITION": "3", "OFFSET": offset[1]}
    follow(stack, "MalipoPartitionRests", **where)
    is_over(lambda: healthy(stack, "orchestrator"))
    is_over(lambda: value(stack, "orchestrator", "malipo_consumer_lag_messages", topic=PAYMENT_COMMANDS.name) == 0)


def test_redis_is_away(stack):
    """MalipoRedisAway."""
    stack.stop_service("redis")
    above(stack, "gateway", "malipo_health_problems", 0, check="redis")
    assert '"redis"' in follow(stack, "MalipoRedisAway")
    is_over(lambda: healthy(stack, "gateway"))


@long
def test_kafka_is_away(stack, shop):
    """MalipoKafkaAway, MalipoOutboxStuck."""
    stack.stop_service("kafka")
    payment_ids = pay_soon(shop, 2)
    above(stack, "gateway", "malipo_outbox_age_seconds", 30)
    assert "payments.commands.v1" in follow(stack, "MalipoOutboxStuck")
    above(stack, "gateway", "malipo_kafka_away_seconds", 60)
    follow(stack, "MalipoKafkaAway")
    for service in names(Kind.SERVICE):
        is_over(lambda of=service: healthy(stack, of))
    for payment_id in payment_ids:
        told_once(shop, payment_id)


@long
def test_a_dead_letter(stack):
    """MalipoDeadLetter. What nobody knows stays dead, and comes back as often as it is sent again."""
    before = value(stack, "orchestrator", "malipo_messages_total", result="dead_lettered")
    cancel = CancelPayment(payment_id=ids.new("pay"), cancel_id=ids.new("can"))
    publish(stack, PAYMENT_COMMANDS, cancel.payment_id, cancel)
    above(stack, "orchestrator", "malipo_messages_total", before, result="dead_lettered")
    is_over(lambda: cancel.payment_id in follow(stack, "MalipoDeadLetter", TOPIC=PAYMENT_COMMANDS.name))


@long
def test_kafka_deletes_what_was_not_read_and_it_is_sent_again(stack, shop):
    """MalipoDeletedUnread, MalipoSentAgain."""
    stack.stop_service("webhook-dispatcher")
    payment_ids = [shop.pay(amount=3100 + number)["id"] for number in range(3)]
    is_over(lambda: sql(stack, "orchestrator", "SELECT count(*) FROM outbox") == 0)
    delete_records(stack, PAYMENT_EVENTS.name)
    stack.start_service("webhook-dispatcher")
    stack.wait_ready("webhook-dispatcher", SECONDS)
    above(stack, "webhook-dispatcher", "malipo_deleted_unread_messages_total", 0)
    follow(stack, "MalipoDeletedUnread")
    for payment_id in payment_ids:
        told_once(shop, payment_id)
    above(stack, "webhook-dispatcher", "malipo_sent_again_total", 0)
    follow(stack, "MalipoSentAgain")


@long
def test_a_topic_is_missing_and_the_relay_is_refused(stack, shop):
    """MalipoRelayRefused."""
    delete_topic(stack, "webhooks.deliveries.v1")
    payment_id = shop.pay()["id"]
    above(stack, "webhook-dispatcher", "malipo_health_problems", 0, check="relay")
    follow(stack, "MalipoRelayRefused")
    is_over(lambda: healthy(stack, "webhook-dispatcher"))
    told_once(shop, payment_id)


@long
def test_an_endpoint_fails(stack, shop):
    """MalipoEndpointFails."""
    stack.stop_service("webhook-dispatcher")
    stack.start_service("webhook-dispatcher", {"OVERTAKE_AFTER_SECONDS": "1"})
    stack.wait_ready("webhook-dispatcher", SECONDS)
    shop.behave(kind="fail")
    payment_id = shop.pay()["id"]
    above(stack, "webhook-dispatcher", "malipo_webhook_overtaken_deliveries", 0)
    assert shop.hooks() in follow(stack, "MalipoEndpointFails")
    shop.behave(kind="accept")
    told_once(shop, payment_id)
    is_over(lambda: value(stack, "webhook-dispatcher", "malipo_webhook_overtaken_deliveries") == 0)


@long
def test_a_key_is_missing_in_the_dispatchers_ring(stack, shop):
    """MalipoDeliveriesPostponed."""
    ring = stack.service_env("gateway")["KEY_RING"]
    stack.stop_service("webhook-dispatcher")
    stack.start_service("webhook-dispatcher", {"KEY_RING": "other:" + "A" * 43 + "="})
    stack.wait_ready("webhook-dispatcher", SECONDS)
    payment_id = shop.pay()["id"]
    above(stack, "webhook-dispatcher", "malipo_webhook_deliveries_postponed_total", 0, reason="unreadable_secret")
    follow(stack, "MalipoDeliveriesPostponed", KEY_RING=ring)
    told_once(shop, payment_id)


@long
def test_events_wait_for_a_configuration(stack, shop):
    """MalipoEventsWait."""
    execute(
        stack, "webhook-dispatcher", "UPDATE merchants SET version = 0 WHERE merchant_id = $1", merchant_id(stack, shop)
    )
    execute(
        stack,
        "webhook-dispatcher",
        "UPDATE merchants SET asked_at = now() + interval '1 hour' WHERE merchant_id = $1",
        merchant_id(stack, shop),
    )
    payment_id = shop.pay()["id"]
    above(stack, "webhook-dispatcher", "malipo_webhook_waiting_events", 0)
    follow(stack, "MalipoEventsWait")
    told_once(shop, payment_id)
    is_over(lambda: value(stack, "webhook-dispatcher", "malipo_webhook_waiting_events") == 0)


@long
def test_a_provider_contradicts_itself(stack, shop):
    """MalipoContradiction."""
    payment_id = shop.pay()["id"]
    shop.wait(payment_id, "completed", seconds=SECONDS)
    twice = Succeeded(amount=Money(1250, "USD"), reference="pi_of_another")
    report = OutcomeReported(
        payment_id=payment_id, operation_id=charge_id(payment_id, 1), kind="charge", provider="stripe", outcome=twice,
        source="callback", step=1, observed_at=clock.now(),
    )  # fmt: skip
    publish(stack, OUTCOMES, payment_id, report)
    above(stack, "orchestrator", "malipo_outcomes_ignored_total", 0, reason="contradiction")
    assert "completed" in follow(stack, "MalipoContradiction", PAYMENT=payment_id, KEY=shop.key)


@long
def test_a_doubt_lasts_until_a_person_decides(stack, shop):
    """MalipoDoubtLasts, MalipoDoubtOverdue, MalipoProviderUnclear."""
    shop.stripe_fault("error_before_effect", match=CREATES | {"amount": 4481})
    payment_id = shop.pay(amount=4481, prefer="respond-async")["id"]
    shop.wait(payment_id, "processing", reason="awaiting_provider_confirmation", seconds=SECONDS)
    for alert, since in (("MalipoDoubtLasts", timedelta(hours=2)), ("MalipoDoubtOverdue", timedelta(hours=7))):
        execute(
            stack,
            "orchestrator",
            "UPDATE payments SET in_doubt_since = now() - $2::interval WHERE id = $1",
            payment_id,
            since,
        )
        above(stack, "orchestrator", "malipo_doubt_oldest_seconds", since.total_seconds() - 60)
        if alert == "MalipoDoubtLasts":
            assert payment_id in follow(stack, alert)
    above(stack, "provider-stripe", "malipo_provider_calls_total", 0, result="unknown")
    assert 'result="unknown"' in follow(stack, "MalipoProviderUnclear", PAYMENT=payment_id, KEY=shop.key)

    def is_decided() -> bool:
        try:
            follow(stack, "MalipoDoubtOverdue", PAYMENT=payment_id, END="failed")
        except pages.CommandFailed:  # what may still be sent is not decided
            return False
        return True

    assert until(is_decided, SECONDS, 1)
    shop.wait(payment_id, "failed", seconds=SECONDS)
    is_over(lambda: value(stack, "orchestrator", "malipo_doubt_oldest_seconds") == 0)


@long
def test_money_is_in_suspense_until_it_is_settled(stack, shop):
    """MalipoSuspenseOpen."""
    above(stack, "orchestrator", "malipo_suspense_open", 0, seconds=180)
    found = re.search(r"\bsus_\w+", run_command(stack, "orchestrator", "suspense", "list"))
    assert found
    follow(stack, "MalipoSuspenseOpen", SUSPENSE=found[0])
    is_over(lambda: value(stack, "orchestrator", "malipo_suspense_open") == 0)


@long
def test_a_provider_reports_what_matches_nothing(stack, shop):
    """MalipoUnmatchedReport."""
    owner = ids.new("pay")
    form: Json = {
        "amount": 777, "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true",
        "automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never",
        "metadata[malipo_payment_id]": owner, "metadata[malipo_operation_id]": charge_id(owner, 1),
    }  # fmt: skip
    shop.stripe.post("/v1/payment_intents", data=form, auth=(shop.stripe_key, "")).raise_for_status()
    is_over(
        lambda: any(
            value(stack, "provider-stripe", "malipo_provider_unmatched_total", concerns=one)
            for one in ("ours", "claimed", "unclear")
        )
    )
    lines = follow(stack, "MalipoUnmatchedReport").splitlines()
    assert charge_id(owner, 1) in [
        json.loads(line)["reference_ids"].get("operation") for line in lines if line.startswith("{")
    ]


@long
def test_a_statement_is_not_read_and_then_was_read_too_late(stack, shop):
    """MalipoStatementBehind, MalipoStatementRunsOut, MalipoStatementGap."""
    shop.pay()
    behind = "UPDATE statements SET covered_until = now() - $1::interval, due_at = now() + interval '1 hour', hastened_at = NULL"
    execute(stack, "provider-stripe", behind, timedelta(days=2))
    above(stack, "provider-stripe", "malipo_provider_statement_age_seconds", 86400)
    assert "covered_until" in follow(stack, "MalipoStatementBehind", PROVIDER="stripe")
    execute(stack, "provider-stripe", behind, timedelta(days=40))
    execute(stack, "provider-stripe", "UPDATE statements SET due_at = now()")
    above(stack, "provider-stripe", "malipo_provider_statement_gaps_total", 0)
    assert "status" in follow(stack, "MalipoStatementGap", PROVIDER="stripe")
    is_over(lambda: value(stack, "provider-stripe", "malipo_provider_statement_age_seconds") < 3600)


@long
def test_callbacks_are_refused(stack, shop):
    """MalipoCallbacksRefused."""
    path = shop.put_credentials([])["callback_path"]
    for _ in range(21):
        httpx.post(
            stack.url("provider-stripe") + path,
            json={},
            headers={"Stripe-Signature": f"t={int(clock.now().timestamp())},v1=00"},
        )
    above(stack, "provider-stripe", "malipo_provider_callbacks_total", 20, result="bad_signature")
    assert "bad_signature" in follow(stack, "MalipoCallbacksRefused")
    shop.connect_stripe()


@long
def test_a_service_is_down_and_a_replica_hangs_and_starts_again_and_again(stack, shop):
    """MalipoServiceDown, MalipoReplicaDown, MalipoServiceRestarts."""
    stack.stop_service("orchestrator")
    with pytest.raises(httpx.HTTPError):
        value(stack, "orchestrator", "malipo_outbox_rows")
    follow(stack, "MalipoServiceDown", SERVICE="orchestrator")
    is_over(lambda: healthy(stack, "orchestrator"))
    starts = set()
    for _ in range(4):
        stack.kill("orchestrator")
        is_over(lambda: healthy(stack, "orchestrator"))
        starts.add(value(stack, "orchestrator", "process_start_time_seconds"))
    assert len(starts) > 3
    follow(stack, "MalipoServiceRestarts", SERVICE="orchestrator")
    follow(stack, "MalipoReplicaDown", SERVICE="orchestrator")
    is_over(lambda: healthy(stack, "orchestrator"))
    told_once(shop, shop.pay()["id"])


@long
def test_a_table_has_no_next_month(stack):
    """MalipoMonthsMissing."""
    months = "SELECT string_agg(format('DROP TABLE %I', relname), ';') FROM pg_class WHERE relispartition AND relkind = 'r' AND relname ~ '^inbox_\\d{4}_\\d\\d$' AND relname > to_char(now(), '\"inbox_\"YYYY_MM')"
    for statement in sql(stack, "orchestrator", months).split(";"):
        execute(stack, "orchestrator", statement)
    above(stack, "orchestrator", "malipo_health_problems", 0, check="months")
    follow(stack, "MalipoMonthsMissing", SERVICE="orchestrator")
    is_over(lambda: healthy(stack, "orchestrator"))


@long
def test_requests_are_slow(stack, shop):
    """MalipoApiSlow."""
    stack.pause("orchestrator")
    shop.post("/v1/payments", CARD, Prefer="wait=6")
    stack.resume("orchestrator")
    slow = value(stack, "gateway", "malipo_http_request_duration_seconds_count") - value(
        stack, "gateway", "malipo_http_request_duration_seconds_bucket", le="5.0"
    )
    assert slow >= 1
    assert "malipo_http_request_duration_seconds_sum" in follow(stack, "MalipoApiSlow")


@long
def test_a_provider_is_not_called_for_now(stack, shop):
    """MalipoProviderCircuitOpen. The last: the stand-in begins anew, and remembers nothing."""
    stack.stop_service("stripe-sim")
    pay_soon(shop, 12)
    above(stack, "provider-stripe", "malipo_provider_circuits", 0, state="open")
    assert "no way there" in follow(stack, "MalipoProviderCircuitOpen", STRIPE_API=stack.url("stripe-sim"))
    stack.start_service("stripe-sim")
    stack.wait_ready("stripe-sim", SECONDS)
    is_over(lambda: value(stack, "provider-stripe", "malipo_provider_circuits", state="open") == 0)
    told_once(shop, shop.pay(amount=3999)["id"])


LOOKED_AT = {
    *("MalipoApiFails", "MalipoCallbacksUnavailable", "MalipoCommandGivenUp", "MalipoDatabaseAway"),
    *("MalipoDeliveriesOverdue", "MalipoReplicaNotInGroup"),
}
"""Alerts whose condition nothing here causes: their commands are executed as they stand."""


@long
@pytest.mark.parametrize("alert", sorted(LOOKED_AT))
def test_what_is_only_looked_at_can_be_looked_at(stack, alert):
    follow(stack, alert, PAYMENT=ids.new("pay"))


def test_every_runbook_with_commands_is_followed():
    source = pages.Path(__file__).read_text("utf-8")
    with_commands = {path.stem for path in RUNBOOKS.glob("Malipo*.md") if pages.sections(f"runbooks/{path.name}")}
    followed = set(re.findall(r'follow\(stack, "(\w+)"', source)) | LOOKED_AT | {"MalipoDoubtLasts"}
    assert with_commands == followed
