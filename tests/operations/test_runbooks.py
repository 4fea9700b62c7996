"""The condition of each alert is caused, and its page followed until it is over. `make runbooks` runs all of it, `make test` a sample."""

import re
import subprocess
import sys
from importlib import import_module

import httpx
import pytest
from databases import execute, sql
from scraping import value

from malipo import ids
from malipo.contracts.commands import CancelPayment
from malipo.contracts.topics import PAYMENT_COMMANDS, PAYMENT_EVENTS
from malipo_local.ports import free_port
from malipo_local.services import Kind, names
from operations import pages
from operations.acts import (
    damage,
    delete_topic,
    empty_topic,
    merchant_id,
    publish,
    publish_bytes,
    start_with,
)
from operations.alerts import CAUSED, RULES, causes
from operations.pages import follow
from operations.scrapes import SECONDS, above, are_healthy, below, is_over, problems
from operations.shop import pay_soon, told_once
from webhook_dispatcher.courier import POSTPONE_SECONDS

RUNBOOKS = pages.GUIDES / "runbooks"

CARD = {"amount": 1250, "currency": "USD", "method": {"type": "card", "token": "pm_card_visa"}}

pytestmark = pytest.mark.timeout(900)


@pytest.mark.whole
@causes("MalipoDeadLetter")
def test_a_dead_letter(stack):
    """The first of all: what others leave among the dead letters would be sent again, too.

    What nobody knows stays dead, and comes back as often as it is sent again.
    """
    before = value(stack, "orchestrator", "malipo_messages_total", result="dead_lettered")
    cancel = CancelPayment(payment_id=ids.new("pay"), cancel_id=ids.new("can"))
    publish(stack, PAYMENT_COMMANDS, cancel.payment_id, cancel)
    above(stack, "MalipoDeadLetter", "orchestrator", "malipo_messages_total", before, result="dead_lettered")
    is_over(lambda: cancel.payment_id in follow(stack, "MalipoDeadLetter", TOPIC=PAYMENT_COMMANDS.name))


@causes("MalipoPartitionRests", "MalipoLagDoesNotFall")
def test_a_partition_rests_and_its_lag_does_not_fall_until_it_is_stepped_over(stack, shop):
    paid = shop.pay()["id"]
    shop.wait(paid, "completed", seconds=SECONDS)
    publish_bytes(stack, PAYMENT_COMMANDS.name, "unknown", b'{"type":"FromTheFuture"}', partition=3)
    above(stack, "MalipoPartitionRests", "orchestrator", "malipo_partitions_resting", topic=PAYMENT_COMMANDS.name)
    known = CancelPayment(payment_id=paid, cancel_id=ids.new("can"))
    publish(stack, PAYMENT_COMMANDS, known.payment_id, known, partition=3, times=501)
    above(stack, "MalipoLagDoesNotFall", "orchestrator", "malipo_consumer_lag_messages", topic=PAYMENT_COMMANDS.name)
    assert "malipo_partitions_resting" in follow(stack, "MalipoLagDoesNotFall")
    offset = re.search(r"at offset (\d+)", problems(stack, "orchestrator")["partitions"])
    assert offset
    where = {"GROUP": "orchestrator.payments", "TOPIC": PAYMENT_COMMANDS.name, "PARTITION": "3", "OFFSET": offset[1]}
    follow(stack, "MalipoPartitionRests", **where)
    are_healthy(stack, ["orchestrator"])
    is_over(lambda: value(stack, "orchestrator", "malipo_consumer_lag_messages", topic=PAYMENT_COMMANDS.name) == 0)


@pytest.mark.whole
@causes("MalipoPollsFail")
def test_a_record_is_damaged_and_polls_fail(stack, shop):
    where = {"topic": PAYMENT_COMMANDS.name, "group": "orchestrator.payments"}
    offset = damage(stack, PAYMENT_COMMANDS.name, partition=5)
    above(stack, "MalipoPollsFail", "orchestrator", "malipo_polls_failed_total", 1, **where)
    is_over(lambda: "partitions" in problems(stack, "orchestrator"))
    assert f"{PAYMENT_COMMANDS.name} 5 at offset {offset}" in follow(stack, "MalipoPollsFail")
    follow(stack, "MalipoPartitionRests", GROUP=where["group"], TOPIC=where["topic"], PARTITION="5", OFFSET=str(offset))
    are_healthy(stack, ["orchestrator"])
    told_once(shop, shop.pay()["id"])


@causes("MalipoRedisAway")
def test_redis_is_away(stack):
    stack.stop_service("redis")
    above(stack, "MalipoRedisAway", "gateway", "malipo_health_problems", check="redis")
    assert '"redis"' in follow(stack, "MalipoRedisAway")
    are_healthy(stack, ["gateway"])


@pytest.mark.whole
@causes("MalipoKafkaAway", "MalipoOutboxStuck")
def test_kafka_is_away(stack, shop):
    stack.stop_service("kafka")
    payment_ids = pay_soon(shop, 2)
    above(stack, "MalipoOutboxStuck", "gateway", "malipo_outbox_age_seconds")
    assert "payments.commands.v1" in follow(stack, "MalipoOutboxStuck")
    above(stack, "MalipoKafkaAway", "gateway", "malipo_kafka_away_seconds")
    follow(stack, "MalipoKafkaAway")
    are_healthy(stack, names(Kind.SERVICE))
    for payment_id in payment_ids:
        told_once(shop, payment_id)


@pytest.mark.whole
@causes("MalipoDeletedUnread", "MalipoSentAgain")
def test_kafka_deletes_what_was_not_read_and_it_is_sent_again(stack, shop):
    payment_ids = pay_soon(shop, 3)
    for payment_id in payment_ids:
        told_once(
            shop, payment_id
        )  # so that the group has read something of their partitions, and can know what it lacks
    stack.stop_service("webhook-dispatcher")
    for payment_id in payment_ids:
        refund = shop.post(f"/v1/payments/{payment_id}/refunds", {"amount": 100}).json()["id"]
        assert shop.wait_refund(refund, seconds=SECONDS)["status"] == "completed"
    is_over(lambda: sql(stack, "orchestrator", "SELECT count(*) FROM outbox") == 0)
    empty_topic(stack, PAYMENT_EVENTS.name)
    stack.start_service("webhook-dispatcher")
    stack.wait_ready("webhook-dispatcher", SECONDS)
    above(stack, "MalipoDeletedUnread", "webhook-dispatcher", "malipo_deleted_unread_messages_total")
    follow(stack, "MalipoDeletedUnread")
    for payment_id in payment_ids:
        shop.events(payment_id, "refund.completed", seconds=SECONDS)
    above(stack, "MalipoSentAgain", "webhook-dispatcher", "malipo_sent_again_total")
    follow(stack, "MalipoSentAgain")


@pytest.mark.whole
@causes("MalipoBatchesFail", "MalipoLagNeverFalls")
def test_a_table_is_gone_and_every_batch_fails_until_it_is_back(stack, shop):
    told_once(shop, shop.pay()["id"])
    execute(stack, "orchestrator", "ALTER TABLE history RENAME TO history_of_another_release")
    payment_id = shop.pay()["id"]
    above(stack, "MalipoBatchesFail", "orchestrator", "malipo_health_problems", check="batches")
    assert "history" in follow(stack, "MalipoBatchesFail")
    assert "malipo_batches_failed_total" in follow(stack, "MalipoLagNeverFalls")
    execute(stack, "orchestrator", "ALTER TABLE history_of_another_release RENAME TO history")
    told_once(shop, payment_id)
    are_healthy(stack, ["orchestrator"])


@pytest.mark.whole
@causes("MalipoRelayRefused")
def test_a_topic_is_missing_and_the_relay_is_refused(stack, shop):
    delete_topic(stack, "webhooks.deliveries.v1")
    payment_id = shop.pay()["id"]
    above(stack, "MalipoRelayRefused", "webhook-dispatcher", "malipo_health_problems", check="relay")
    follow(stack, "MalipoRelayRefused")
    are_healthy(stack, ["webhook-dispatcher"])
    told_once(shop, payment_id)


@pytest.mark.whole
@causes("MalipoEndpointFails")
def test_an_endpoint_fails(stack, shop):
    start_with(stack, "webhook-dispatcher", OVERTAKE_AFTER_SECONDS="1")
    shop.behave(kind="fail")
    payment_id = shop.pay()["id"]
    above(stack, "MalipoEndpointFails", "webhook-dispatcher", "malipo_webhook_overtaken_deliveries")
    assert shop.hooks() in follow(stack, "MalipoEndpointFails")
    shop.behave(kind="ok")
    told_once(shop, payment_id)
    is_over(lambda: value(stack, "webhook-dispatcher", "malipo_webhook_overtaken_deliveries") == 0)
    start_with(stack, "webhook-dispatcher", OVERTAKE_AFTER_SECONDS="600")


@pytest.mark.whole
@causes("MalipoDeliveriesOverdue")
def test_webhooks_wait_for_a_slot_that_hangs(stack, shop):
    start_with(stack, "webhook-dispatcher", ATTEMPTS_AT_ONCE="1")
    shop.behave(kind="hang")
    payment_ids = pay_soon(shop, 20)
    above(stack, "MalipoDeliveriesOverdue", "webhook-dispatcher", "malipo_webhook_oldest_due_seconds")
    assert "ep_" in follow(stack, "MalipoDeliveriesOverdue")
    shop.behave(kind="ok")
    for payment_id in payment_ids:
        told_once(shop, payment_id)
    is_over(lambda: value(stack, "webhook-dispatcher", "malipo_webhook_oldest_due_seconds") < 1)
    start_with(stack, "webhook-dispatcher", ATTEMPTS_AT_ONCE="100")


@pytest.mark.whole
@causes("MalipoDeliveriesPostponed")
def test_a_key_is_missing_in_the_dispatchers_ring(stack, shop):
    ring = stack.service_env("gateway")["KEY_RING"]
    start_with(stack, "webhook-dispatcher", KEY_RING="other:" + "A" * 43 + "=")
    payment_id = shop.pay()["id"]
    above(
        stack,
        "MalipoDeliveriesPostponed",
        "webhook-dispatcher",
        "malipo_webhook_deliveries_postponed_total",
        reason="unreadable_secret",
    )
    follow(stack, "MalipoDeliveriesPostponed", KEY_RING=ring)
    told_once(shop, payment_id, POSTPONE_SECONDS + SECONDS)


@pytest.mark.whole
@causes("MalipoEventsWait")
def test_events_wait_for_a_configuration(stack, shop):
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
    above(stack, "MalipoEventsWait", "webhook-dispatcher", "malipo_webhook_waiting_events")
    follow(stack, "MalipoEventsWait")
    told_once(shop, payment_id)
    is_over(lambda: value(stack, "webhook-dispatcher", "malipo_webhook_waiting_events") == 0)


@pytest.mark.whole
@causes("MalipoDatabaseAway", "MalipoApiFails", "MalipoCallbacksUnavailable")
def test_the_database_is_away(stack, shop):
    path = shop.put_credentials([])["callback_path"]
    shop.connect_stripe()
    stack.stop_service("postgres")
    above(stack, "MalipoDatabaseAway", "gateway", "malipo_health_problems", check="database")
    assert {shop.post("/v1/payments", CARD).status_code for _ in range(6)} == {503}
    above(stack, "MalipoApiFails", "gateway", "malipo_http_request_duration_seconds_count", 5, status="503")
    assert 'status="503"' in follow(stack, "MalipoApiFails")
    assert {httpx.post(stack.url("provider-stripe") + path, json={}).status_code for _ in range(6)} == {503}
    above(
        stack, "MalipoCallbacksUnavailable", "provider-stripe", "malipo_provider_callbacks_total", result="unavailable"
    )
    assert '"database"' in follow(stack, "MalipoCallbacksUnavailable")
    assert '"database"' in follow(stack, "MalipoDatabaseAway")
    are_healthy(stack, names(Kind.SERVICE))
    told_once(shop, shop.pay()["id"])


@pytest.mark.whole
@causes("MalipoReplicaNotInGroup")
def test_two_processes_have_one_name(stack, tmp_path):
    settings = stack.service_env("orchestrator") | {"ADMIN_PORT": str(free_port())}
    command = [sys.executable, "-m", "orchestrator", "serve"]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, env=settings, stdout=log) as second:
        try:
            above(stack, "MalipoReplicaNotInGroup", "orchestrator", "malipo_health_problems", check="instance")
            assert "INSTANCE" in follow(stack, "MalipoReplicaNotInGroup")
        finally:
            second.terminate()
    are_healthy(stack, ["orchestrator"])


@pytest.mark.whole
@causes("MalipoServiceDown", "MalipoReplicaDown", "MalipoServiceRestarts")
def test_a_service_is_down_and_a_replica_hangs_and_starts_again_and_again(stack, shop):
    stack.stop_service("orchestrator")
    with pytest.raises(httpx.HTTPError):
        value(stack, "orchestrator", "malipo_outbox_rows")
    follow(stack, "MalipoServiceDown", SERVICE="orchestrator")
    are_healthy(stack, ["orchestrator"])
    starts = set()
    for _ in range(4):
        stack.kill("orchestrator")
        are_healthy(stack, ["orchestrator"])
        starts.add(value(stack, "orchestrator", "process_start_time_seconds"))
    assert len(starts) > 3
    follow(stack, "MalipoServiceRestarts", SERVICE="orchestrator")
    stack.pause("orchestrator")
    with pytest.raises(httpx.ReadTimeout):
        value(stack, "orchestrator", "malipo_outbox_rows")
    follow(stack, "MalipoReplicaDown", SERVICE="orchestrator")
    are_healthy(stack, ["orchestrator"])
    told_once(shop, shop.pay()["id"])


@pytest.mark.whole
@causes("MalipoMonthsMissing")
def test_a_table_has_no_next_month(stack):
    months = "SELECT string_agg(format('DROP TABLE %I', relname), ';') FROM pg_class WHERE relispartition AND relkind = 'r' AND relname ~ '^inbox_\\d{4}_\\d\\d$' AND relname > to_char(now(), '\"inbox_\"YYYY_MM')"
    for statement in sql(stack, "orchestrator", months).split(";"):
        execute(stack, "orchestrator", statement)
    below(stack, "MalipoMonthsMissing", "orchestrator", "malipo_partitions_ahead_months", 1, table="inbox")
    follow(stack, "MalipoMonthsMissing", SERVICE="orchestrator")
    is_over(lambda: value(stack, "orchestrator", "malipo_partitions_ahead_months", table="inbox") >= 1)
    are_healthy(stack, ["orchestrator"])


@pytest.mark.whole
@causes("MalipoApiSlow")
def test_requests_are_slow(stack, shop):
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


@pytest.mark.whole
@pytest.mark.parametrize("alert", sorted(LOOKED_AT))
def test_what_is_only_looked_at_can_be_looked_at(stack, alert):
    follow(stack, alert, PAYMENT=ids.new("pay"))


def test_every_alert_is_caused_or_looked_at_unless_its_page_has_no_commands():
    for tests in pages.Path(__file__).parent.glob("test_*runbooks.py"):
        import_module(f"operations.{tests.stem}")
    without = {path.stem for path in RUNBOOKS.glob("Malipo*.md") if not pages.sections(f"runbooks/{path.name}")}
    assert CAUSED | LOOKED_AT | without == RULES.keys()
    assert not CAUSED & LOOKED_AT
