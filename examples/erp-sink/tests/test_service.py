"""The sink as it is deployed, between a real Kafka and an ERP."""

from aiokafka import AIOKafkaProducer

from erp_sink.main import build
from erp_sink.settings import Settings
from malipo import ids
from malipo.contracts.message import encode
from malipo.contracts.topics import PAYMENT_EVENTS
from malipo.messaging.unit_of_work import MESSAGE_ID
from testkit.service import running
from testkit.waiting import until


async def test_an_event_on_kafka_is_a_document_at_the_erp(stores, new_database, erp, an_event):
    settings = Settings(
        database_url=new_database("erp_sink"),
        kafka_bootstrap=stores.kafka,
        instance="sink-0",
        environment="test",
        erp_url=erp.url,
    )
    payment_id = ids.new("pay")
    async with running(build(settings)) as http, AIOKafkaProducer(bootstrap_servers=stores.kafka) as producer:
        headers = [(MESSAGE_ID, ids.new("msg").encode())]
        value = encode(an_event(payment_id, 1))
        await producer.send_and_wait(PAYMENT_EVENTS.name, value, key=payment_id.encode(), headers=headers)
        await erp.until_posted(1)
        assert [document.text for document in erp.documents.values()] == [f"payment.completed {payment_id}"]
        await until(lambda: counted(http), what="the posting counted")


async def counted(http) -> bool:
    return 'erp_sink_posts_total{result="posted"}' in (await http.get("/metrics")).text
