"""What topics are made with, and what has to outlast them."""

from datetime import timedelta

import pytest

from malipo.contracts.topics import PERSONAL_KEYS, TOPICS
from malipo.messaging.provision import new_topics, too_few
from malipo.platform.retention_settings import INBOX_DAYS


def test_the_inbox_knows_a_message_for_longer_than_it_can_come_again():
    kept = [topic.retention for topic in TOPICS if topic.retention is not None]
    # A redriven dead letter is a message of its topic once more.
    assert timedelta(days=INBOX_DAYS) > max(topic.dead_letters_kept for topic in TOPICS)
    assert max(kept) < timedelta(days=INBOX_DAYS)


@pytest.mark.parametrize(("replication", "brokers"), [(1, "1"), (2, "1"), (3, "2"), (5, "4")])
def test_what_kafka_acknowledges_all_brokers_but_one_have(replication, brokers):
    assert {new.topic_configs["min.insync.replicas"] for new in new_topics(replication)} == {brokers}


@pytest.mark.parametrize(
    ("copies", "in_sync", "wanted", "told"),
    [
        (1, 1, 3, "has 1 copy, not 3: kafka-reassign-partitions.sh makes more"),
        (2, 1, 3, "has 2 copies, not 3: kafka-reassign-partitions.sh makes more"),
        (
            3,
            1,
            3,
            "is written to 1 of its copies before it is acknowledged: set min.insync.replicas=2 by kafka-configs.sh",
        ),
        (3, 2, 3, None),
        (3, 3, 3, None),
        (1, 1, 1, None),
        (3, 2, 1, None),
    ],
)
def test_a_topic_that_is_kept_less_safely_than_asked_for_is_told_with_what_mends_it(copies, in_sync, wanted, told):
    assert too_few(copies, in_sync, wanted) == told


def test_keys_to_personal_data_leave_kafka_within_thirty_hours_and_their_dead_letters_too():
    made = {new.name: new.topic_configs for new in new_topics(1)}
    for name in (PERSONAL_KEYS.name, PERSONAL_KEYS.dead_letter):
        # A record stays until the segment that it is in is closed, and has been kept for its time.
        held = int(made[name]["retention.ms"]) + int(made[name]["segment.ms"])
        assert held == timedelta(hours=30) // timedelta(milliseconds=1)


def test_a_topic_and_its_dead_letters_are_kept_for_their_time():
    made = {new.name: new.topic_configs for new in new_topics(1)}
    for topic in TOPICS:
        if topic.retention is None:
            assert made[topic.name]["cleanup.policy"] == "compact"
        else:
            assert made[topic.name]["retention.ms"] == str(topic.retention // timedelta(milliseconds=1))
        kept = timedelta(days=1) if topic is PERSONAL_KEYS else timedelta(days=90)
        assert made[topic.dead_letter]["retention.ms"] == str(kept // timedelta(milliseconds=1))
