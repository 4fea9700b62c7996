"""The sink beside a stack whose stores are as in production: who comes is known, and may do what it has to."""

from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from erp_sink.main import build
from erp_sink.settings import Settings
from malipo import ids
from malipo.contracts.message import encode
from malipo.contracts.topics import PAYMENT_EVENTS
from malipo.messaging.unit_of_work import MESSAGE_ID
from malipo_local import Stack, StackError
from testkit.access import access
from testkit.service import running

CONSUMERS = {"topics": {"KAFKA_CONSUMERS": '{"erp-sink": ["payments.events.v1"]}'}}


@pytest.mark.timeout(180)
async def test_a_secure_stack_that_is_told_of_the_sink_lets_it_in(new_database, erp, an_event, tmp_path: Path):
    with (
        Stack(tmp_path, only={"topics"}, secure=True, keep=True) as stack,
        pytest.raises(StackError, match=r"knows no 'erp-sink', only .*operator.*topics.KAFKA_CONSUMERS="),
    ):
        stack.env("erp-sink")
    with Stack(tmp_path, only={"topics"}, settings=CONSUMERS, secure=True) as stack:  # which is the same one, told more
        settings = told(stack, database_url=new_database("erp_sink"), erp_url=erp.url)
        producer = AIOKafkaProducer(**access(stack.kafka_settings()).options)
        payment_id = ids.new("pay")
        async with running(build(settings)), producer:
            headers = [(MESSAGE_ID, ids.new("msg").encode())]
            value = encode(an_event(payment_id, 1))
            await producer.send_and_wait(PAYMENT_EVENTS.name, value, key=payment_id.encode(), headers=headers)
            await erp.until_posted(1)
        assert [document.text for document in erp.documents.values()] == [f"payment.completed {payment_id}"]


def told(stack: Stack, **more: str) -> Settings:
    """What the sink is told in a shell that has what `make env` prints."""
    printed = {name.lower(): value for name, value in stack.env("erp-sink").items()}
    return Settings.model_validate({**printed, "instance": "sink-0", "environment": "test", **more})
