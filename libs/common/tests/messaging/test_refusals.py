"""Which topics a relay leaves alone, and when that is told."""

from structlog.testing import capture_logs

from malipo.messaging.refusals import Refusals


def test_a_topic_that_is_refused_three_times_in_a_row_is_told_of_once_and_so_is_the_end_of_it():
    refusals = Refusals()
    told = []
    with capture_logs() as lines:
        for _ in range(4):
            refusals.refused("payments.events.v1", "UnknownTopicOrPartitionError")
            told.append(refusals.problem)
            assert refusals.resting() == ["payments.events.v1"]
        refusals.taken("payments.events.v1")
    assert told == [None, None, *["Kafka refuses topic payments.events.v1: UnknownTopicOrPartitionError"] * 2]
    assert refusals.problem is None
    assert [line["event"] for line in lines] == ["topic refused", "topic refused no longer"]


def test_a_topic_that_is_taken_again_before_was_never_told_of():
    refusals = Refusals()
    with capture_logs() as lines:
        for _ in range(3):
            refusals.refused("payments.events.v1", "UnknownTopicOrPartitionError")
            refusals.taken("payments.events.v1")
    assert lines == []
    assert refusals.resting() == []
