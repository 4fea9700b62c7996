"""The way from an event to the ERP, with an ERP that is slow, fails, loses answers and comes back."""

import asyncio

import pytest

from malipo.contracts.events import PublishedTransition, RollCalled
from malipo_local.ports import free_port
from testkit.waiting import until


async def test_an_event_is_one_document_though_it_comes_twice(replica, erp, an_event):
    sink = await replica()
    batch = await sink.consume(an_event("pay_1", 1), an_event("pay_2", 1))
    await sink.redeliver(batch)
    await sink.until_states("posted", "posted")
    assert sorted(document.text for document in erp.documents.values()) == [
        "payment.completed pay_1",
        "payment.completed pay_2",
    ]


async def test_a_document_whose_answer_is_lost_is_posted_again_under_its_number_and_is_there_once(
    replica, erp, an_event
):
    erp.behave(fails="after")
    sink = await replica()
    await sink.consume(an_event("pay_1", 1))
    await erp.until_posted(1)
    assert await sink.states() == ["due"]
    erp.behave()
    await sink.until_states("posted")
    assert len(erp.documents) == 1
    assert next(iter(erp.requests.values())) >= 2


@pytest.mark.parametrize("status", [503, 429, 401])
async def test_what_comes_while_the_erp_takes_nothing_is_kept_and_posted_when_it_does(replica, erp, an_event, status):
    erp.behave(fails="before", status=status)
    sink = await replica()
    for number in range(30):
        await sink.consume(an_event(f"pay_{number}", 1))
    assert await sink.states() == ["due"] * 30
    assert sum(erp.requests.values()) < 30, "a dead ERP is left alone, and not asked about each document"
    erp.behave()
    await sink.until_states(*["posted"] * 30)
    assert len(erp.documents) == 30


async def test_an_erp_that_is_not_there_at_all_changes_nothing_of_that(replica, erp, an_event):
    sink = await replica(url=f"http://127.0.0.1:{free_port()}")
    await sink.consume(an_event("pay_1", 1))
    await until(lambda: sink.erp.rests, what="a first try")
    await sink.stop()
    with_its_address = await replica()
    await with_its_address.until_states("posted")


async def test_what_answers_in_no_http_is_left_alone_like_an_erp_that_is_down(replica, an_event):
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"550 busy\r\n")
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", port := free_port()):
        sink = await replica(url=f"http://127.0.0.1:{port}")
        await sink.consume(an_event("pay_1", 1))
        await until(lambda: sink.erp.rests, what="a first try")
        await sink.stop()


async def test_a_slow_erp_delays_no_event(replica, erp, an_event):
    erp.behave(seconds=1)
    sink = await replica()
    await sink.consume(an_event("pay_1", 1))
    await until(lambda: erp.requests, what="the ERP at work")
    await sink.consume(*(an_event(f"pay_{number}", 1) for number in range(2, 50)))
    assert erp.documents == {}, "the events were taken before the ERP had answered the first one"
    assert len(await sink.states()) == 49


async def test_a_refused_document_waits_for_a_person_and_holds_up_no_other(replica, erp, an_event):
    erp.behave(closed=["mer_closed"])
    sink = await replica()
    await sink.consume(an_event("pay_1", 1, merchant_id="mer_closed"), an_event("pay_2", 1))
    await erp.until_posted(1)
    [row] = await until(lambda: sink.rows("SELECT * FROM documents WHERE state = 'refused'"), what="the refusal")
    assert (row["payment_id"], row["answer"]) == ("pay_1", "the books of this company are closed")
    erp.behave()
    await sink.rows("UPDATE documents SET state = 'due', due_at = now() WHERE state = 'refused'")
    await sink.until_states("posted", "posted")


async def test_two_replicas_at_once_post_each_document_once(replica, erp, an_event):
    first, second = await replica(), await replica()
    events = [an_event(f"pay_{number}", 1) for number in range(20)]
    batch = await first.consume(*events[:10])
    await asyncio.gather(second.redeliver(batch), second.consume(*events[10:]))
    await first.until_states(*["posted"] * 20)
    assert list(erp.requests.values()) == [1] * 20


async def test_a_replica_that_dies_while_it_posts_leaves_the_document_to_another(replica, erp, an_event):
    erp.behave(seconds=30)
    dying = await replica(started=False)
    await dying.consume(an_event("pay_1", 1))
    claimed = await dying.posts._claim(dying.posts.lease, 1, [])
    posting = asyncio.create_task(dying.erp.post(claimed[0]))
    await until(lambda: erp.requests, what="the ERP at work")
    posting.cancel()
    erp.behave()
    other = await replica()
    await other.until_states("posted")


async def test_test_payments_are_in_no_real_books(replica, erp, an_event):
    sink = await replica()
    await sink.consume(an_event("pay_1", 1, mode="test"), an_event("pay_2", 1))
    await sink.until_states("posted")
    assert [document.text for document in erp.documents.values()] == ["payment.completed pay_2"]


async def test_an_event_that_kafka_has_lost_is_asked_for(replica, erp, an_event):
    sink = await replica()
    batch = await sink.consume(an_event("pay_1", 1))
    [(_, message_id)] = batch[0].headers
    here = PublishedTransition("pay_1", 1, message_id.decode(), public=True)
    lost = PublishedTransition("pay_2", 3, "msg_lost", public=True)
    await sink.consume(RollCalled(transitions=(here, lost)))
    [asked] = await sink.rows("SELECT key, topic FROM outbox")
    assert asked == {"key": "pay_2", "topic": "payments.commands.v1"}
