"""The condition of each alert is caused, and its page followed until it is over. `make runbooks` runs all of it, `make test` a sample."""

import re
import subprocess
import sys

import httpx
import pytest

from malipo import ids
from malipo.contracts.commands import CancelPayment
from malipo.contracts.topics import PAYMENT_COMMANDS, PAYMENT_EVENTS
from malipo_local.services import Kind, names
from operations import pages
from operations.acts import delete_records, delete_topic, execute, merchant_id, publish, publish_bytes, sql
from operations.pages import follow, long
from operations.scrapes import SECONDS, above, healthy, is_over, problems, value
from operations.shop import pay_soon, told_once

RUNBOOKS = pages.GUIDES / "runbooks"

CARD = {"amount": 1250, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}

pytestmark = pytest.mark.timeout(900)


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
def test_a_table_is_gone_and_every_batch_fails_until_it_is_back(stack, shop):
    """MalipoBatchesFail, MalipoLagNeverFalls."""
    told_once(shop, shop.pay()["id"])
    execute(stack, "orchestrator", "ALTER TABLE history RENAME TO history_of_another_release")
    payment_id = shop.pay()["id"]
    above(stack, "orchestrator", "malipo_health_problems", 0, check="batches")
    assert "history" in follow(stack, "MalipoBatchesFail")
    assert "malipo_batches_failed_total" in follow(stack, "MalipoLagNeverFalls")
    execute(stack, "orchestrator", "ALTER TABLE history_of_another_release RENAME TO history")
    told_once(shop, payment_id)
    is_over(lambda: healthy(stack, "orchestrator"))


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
def test_webhooks_wait_for_a_slot_that_hangs(stack, shop):
    """MalipoDeliveriesOverdue."""
    stack.stop_service("webhook-dispatcher")
    stack.start_service("webhook-dispatcher", {"ATTEMPTS_AT_ONCE": "1"})
    stack.wait_ready("webhook-dispatcher", SECONDS)
    shop.behave(kind="hang")
    payment_ids = pay_soon(shop, 20)
    above(stack, "webhook-dispatcher", "malipo_webhook_oldest_due_seconds", 60)
    assert "ep_" in follow(stack, "MalipoDeliveriesOverdue")
    shop.behave(kind="accept")
    for payment_id in payment_ids:
        told_once(shop, payment_id)
    is_over(lambda: value(stack, "webhook-dispatcher", "malipo_webhook_oldest_due_seconds") < 1)


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
def test_the_database_is_away(stack, shop):
    """MalipoDatabaseAway, MalipoApiFails, MalipoCallbacksUnavailable."""
    path = shop.put_credentials([])["callback_path"]
    shop.connect_stripe()
    stack.stop_service("postgres")
    above(stack, "gateway", "malipo_health_problems", 0, check="database")
    assert shop.post("/v1/payments", CARD).status_code == 503
    assert 'status="503"' in follow(stack, "MalipoApiFails")
    assert httpx.post(stack.url("provider-stripe") + path, json={}).status_code == 503
    above(stack, "provider-stripe", "malipo_provider_callbacks_total", 0, result="unavailable")
    assert '"database"' in follow(stack, "MalipoCallbacksUnavailable")
    assert '"database"' in follow(stack, "MalipoDatabaseAway")
    for service in names(Kind.SERVICE):
        is_over(lambda of=service: healthy(stack, of))
    told_once(shop, shop.pay()["id"])


@long
def test_two_processes_have_one_name(stack, tmp_path):
    """MalipoReplicaNotInGroup."""
    settings = stack.service_env("orchestrator") | {"ADMIN_PORT": "0"}
    command = [sys.executable, "-m", "orchestrator", "serve"]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, env=settings, stdout=log) as second:
        try:
            above(stack, "orchestrator", "malipo_health_problems", 0, check="instance")
            assert "INSTANCE" in follow(stack, "MalipoReplicaNotInGroup")
        finally:
            second.terminate()
    is_over(lambda: healthy(stack, "orchestrator"))


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


LOOKED_AT = {
    *("MalipoBankCertificateExpires", "MalipoBankCertificateLastDays", "MalipoBankStatementUnbalanced"),
    *("MalipoCommandGivenUp", "MalipoProviderLimitsUs"),
}
"""Alerts whose condition nothing here causes: their commands are executed as they stand."""


@long
@pytest.mark.parametrize("alert", sorted(LOOKED_AT))
def test_what_is_only_looked_at_can_be_looked_at(stack, alert):
    follow(stack, alert, PAYMENT=ids.new("pay"))


def test_every_runbook_with_commands_is_followed():
    source = "".join(path.read_text("utf-8") for path in pages.Path(__file__).parent.glob("test_*runbooks.py"))
    with_commands = {path.stem for path in RUNBOOKS.glob("Malipo*.md") if pages.sections(f"runbooks/{path.name}")}
    followed = set(re.findall(r'follow\(stack, "(\w+)"', source)) | LOOKED_AT | {"MalipoDoubtLasts"}
    assert with_commands == followed
