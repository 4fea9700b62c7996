"""What topics are made with, and what has to outlast them."""

from datetime import timedelta

import pytest

from malipo.contracts.topics import TOPICS
from malipo.messaging.provision import DEAD_LETTER_RETENTION, new_topics
from malipo.messaging.runtime import INBOX_DAYS


def test_the_inbox_knows_a_message_for_longer_than_it_can_come_again():
    kept = [topic.retention for topic in TOPICS if topic.retention is not None]
    # A redriven dead letter is a message of its topic once more.
    assert timedelta(days=INBOX_DAYS) > DEAD_LETTER_RETENTION
    assert max(kept) < timedelta(days=INBOX_DAYS)


@pytest.mark.parametrize(("replication", "brokers"), [(1, "1"), (2, "1"), (3, "2"), (5, "4")])
def test_what_kafka_acknowledges_all_brokers_but_one_have(replication, brokers):
    assert {new.topic_configs["min.insync.replicas"] for new in new_topics(replication)} == {brokers}


def test_a_topic_is_kept_for_its_time_and_its_dead_letters_for_ninety_days():
    made = {new.name: new.topic_configs for new in new_topics(1)}
    for topic in TOPICS:
        if topic.retention is None:
            assert made[topic.name]["cleanup.policy"] == "compact"
        else:
            assert made[topic.name]["retention.ms"] == str(topic.retention // timedelta(milliseconds=1))
        assert made[topic.dead_letter]["retention.ms"] == "7776000000"
