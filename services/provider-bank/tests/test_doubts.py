"""What the bank's answers and silences come to, one request after the other: what is sent, what is read, what is told."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import bank_samples as samples
import httpx
import pytest
from bank_samples import PAYMENT_ID, USD_10, page, payment, problem

from malipo import clock
from malipo.contracts.outcomes import (
    AMOUNT_MISMATCH,
    Canceled,
    Declined,
    Outcome,
    Pending,
    Reversed,
    Succeeded,
    Unknown,
)
from malipo.contracts.providers.bank import DESCRIPTOR
from malipo.platform.client import http_client
from provider_bank.client import BankClient
from provider_bank.connections import Connections
from provider_bank.provider import KEY_LIFE, REPLAY_LIMIT, SETTLED, BankProvider
from provider_kit.errors import Misconfigured, NotSent
from provider_kit.provider import Ages, References
from testkit import operations
from testkit.tokens import MemoryTokens
from testkit.transports import Reply

CHARGE, CANCEL, ASKED = samples.charge(), samples.cancel(), samples.return_request()
NONE = Reply(problem(404, "not_found"), 404)
NOTHING, PAID = Reply(page()), Reply(page(payment("completed")))
SUCCEEDED = Succeeded(amount=USD_10, reference=PAYMENT_ID)
SILENCE = httpx.ReadTimeout("slow")
REFUSED = Reply(problem(422, "rail_limit_exceeded", {"field": "/amount", "code": "rail_limit_exceeded"}), 422)


@dataclass
class Bank:
    """Answers requests in turn, and keeps what they were."""

    script: list[Reply | Exception]
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer(request)


async def told(
    bank: Bank, operation, verb: str = "query", *, sent: bool = True, references: References | None = None, **ages
) -> Outcome:
    """What one call tells; the operation was perhaps sent before. `references` are added to."""
    attempt = operations.attempt(operation, DESCRIPTOR, samples.BY_KEY, ages=Ages(**ages))
    attempt = replace(attempt, references=references or attempt.references)
    if sent:
        attempt = replace(attempt, first_sent_at=clock.now() - attempt.ages.key_age)
    async with http_client(timeout_seconds=1, transport=httpx.MockTransport(bank)) as http:
        provider = BankProvider(BankClient(Connections(lambda *_: http), MemoryTokens()), samples.PARTNERS)
        outcome = await getattr(provider, verb)(attempt)
    assert bank.script == []
    return outcome


def named() -> References:
    """As of a charge that the bank has accepted."""
    return References(known=[("main", PAYMENT_ID), ("payment", PAYMENT_ID)])


SEND, LIST, READ, STOP, ASK = (
    "POST /v1/payments",
    "GET /v1/payments",
    f"GET /v1/payments/{PAYMENT_ID}",
    f"POST /v1/payments/{PAYMENT_ID}/cancel",
    f"POST /v1/payments/{PAYMENT_ID}/return-request",
)


async def test_a_first_try_is_sent_at_once():
    bank = Bank([Reply(payment("processing"), 202)])
    assert await told(bank, CHARGE, "execute", sent=False) == Pending(reference=PAYMENT_ID)
    assert bank.asked == [SEND]


@pytest.mark.parametrize("verb", ["execute", "query"])
async def test_a_repeat_looks_first_and_sends_nothing_if_it_is_there(verb):
    bank = Bank([PAID])
    assert await told(bank, CHARGE, verb) == SUCCEEDED
    assert bank.asked == [LIST]


@pytest.mark.parametrize("verb", ["execute", "query"])
@pytest.mark.parametrize("nothing", [NOTHING, NONE])
async def test_and_sends_the_same_once_more_if_it_is_not(nothing, verb):
    bank = Bank([nothing, Reply(payment("completed"), 202)])
    assert await told(bank, CHARGE, verb) == SUCCEEDED
    assert bank.asked == [LIST, SEND]


@pytest.mark.parametrize(
    "answer", [SILENCE, Reply(b"", 503), Reply(b"<html>"), Reply(b"<html>", 404), Reply({"data": None})]
)
async def test_it_sends_nothing_when_it_could_not_look(answer):
    bank = Bank([answer])
    assert isinstance(await told(bank, CHARGE), Unknown)
    assert bank.asked == [LIST]


@pytest.mark.parametrize(
    "answer", [Reply(problem(403, "account_forbidden"), 403), Reply(problem(401, "unauthenticated"), 401)]
)
async def test_what_the_credentials_may_not_is_a_misconfiguration(answer):
    with pytest.raises(Misconfigured):
        await told(Bank([answer]), CHARGE, "execute", sent=False)


async def test_a_wrong_clock_is_told_and_nothing_was_sent():
    with pytest.raises(NotSent, match="clock"):
        await told(Bank([Reply(problem(401, "timestamp_out_of_range"), 401)]), CHARGE, "execute", sent=False)


@pytest.mark.parametrize("key_age", [timedelta(), KEY_LIFE])
async def test_a_page_that_is_empty_and_not_the_last_says_neither_that_nothing_was_done_nor_to_send_it_again(key_age):
    bank = Bank([Reply({"data": [], "next_cursor": "cur_2"})])
    assert isinstance(await told(bank, CHARGE, key_age=key_age), Unknown)
    assert bank.asked == [LIST]


@pytest.mark.parametrize("key_age", [timedelta(minutes=1), KEY_LIFE])
@pytest.mark.parametrize("nothing", [NOTHING, NONE])
async def test_what_the_bank_has_named_is_neither_sent_again_nor_declined_when_its_book_does_not_show_it(
    nothing, key_age
):
    bank = Bank([nothing, NONE])
    assert isinstance(await told(bank, CHARGE, references=named(), key_age=key_age), Unknown)
    assert bank.asked == [LIST, READ]


async def test_what_the_bank_has_named_is_found_by_that_name_where_the_list_lags_behind():
    bank = Bank([NOTHING, Reply(payment("completed"))])
    assert await told(bank, CHARGE, references=named()) == SUCCEEDED
    assert bank.asked == [LIST, READ]


@pytest.mark.parametrize("status", ["rejected", "canceled", "completed"])
async def test_a_payment_that_bears_our_name_and_that_the_bank_calls_otherwise_than_before_is_another_one(status):
    references = named()
    outcome = await told(Bank([Reply(page(payment(status, id="pmt_2")))]), CHARGE, references=references)
    assert outcome == Unknown(reason="another payment")
    assert references.noted == []


async def test_an_expired_charge_is_only_looked_for():
    bank = Bank([NOTHING])
    assert isinstance(await told(bank, CHARGE, expires_in=timedelta()), Unknown)
    assert bank.asked == [LIST]


@pytest.mark.parametrize("operation", [CHARGE, CANCEL])
async def test_nothing_is_repeated_in_the_last_hour_of_a_key_and_nothing_found_is_an_end_after_it(operation):
    shown, asked = (NOTHING, LIST) if operation is CHARGE else (Reply(payment("held")), READ)
    late, dead = Bank([shown]), Bank([shown])
    assert isinstance(await told(late, operation, key_age=REPLAY_LIMIT), Unknown)
    ended = await told(dead, operation, key_age=KEY_LIFE)
    assert isinstance(ended, Declined)
    assert ended.code == "provider_error"
    assert late.asked == dead.asked == [asked]


async def test_what_is_found_after_the_keys_death_counts():
    assert await told(Bank([PAID]), CHARGE, key_age=KEY_LIFE) == SUCCEEDED


async def test_a_refused_first_try_has_made_nothing():
    refused = await told(Bank([REFUSED]), CHARGE, "execute", sent=False)
    assert isinstance(refused, Declined)
    assert refused.code == "rail_limit_exceeded"


@pytest.mark.parametrize("status", [400, 403, 422])
async def test_a_refusal_that_was_written_for_another_status_is_none(status):
    bank = Bank([Reply(problem(503, "upstream_timeout"), status)])
    assert isinstance(await told(bank, CHARGE, "execute", sent=False), Unknown)


async def test_that_there_is_no_such_payment_is_not_believed_of_an_answer_that_was_a_failure_before():
    assert isinstance(await told(Bank([Reply(problem(503, "unavailable"), 404)]), CHARGE, key_age=KEY_LIFE), Unknown)


async def test_a_charge_is_not_declined_by_the_refusal_of_a_return_request():
    refused = Reply(problem(409, "return_request_impossible"), 409)
    assert isinstance(await told(Bank([refused, NOTHING]), CHARGE, "execute", sent=False), Unknown)
    assert isinstance(await told(Bank([NOTHING, refused, NOTHING]), CHARGE), Unknown)


async def test_a_refused_repeat_says_nothing_of_the_first_try_until_that_would_show():
    young, old = Bank([NOTHING, REFUSED, NOTHING]), Bank([NOTHING, REFUSED, NOTHING])
    assert isinstance(await told(young, CHARGE), Unknown)
    assert isinstance(await told(old, CHARGE, key_age=SETTLED), Declined)
    assert young.asked == old.asked == [LIST, SEND, LIST]
    assert await told(Bank([NOTHING, REFUSED, PAID]), CHARGE, key_age=SETTLED) == SUCCEEDED


@pytest.mark.parametrize(
    ("status", "code"), [(409, "duplicate_end_to_end_id"), (422, "idempotency_key_reused"), (409, "unheard_of")]
)
async def test_what_was_there_before_is_looked_for_and_never_declined(status, code):
    refused = Reply(problem(status, code), status)
    assert await told(Bank([NOTHING, refused, PAID]), CHARGE) == SUCCEEDED
    assert isinstance(await told(Bank([NOTHING, refused, NOTHING]), CHARGE, key_age=SETTLED), Unknown)


async def test_a_request_that_is_under_way_is_waited_for():
    outcome = await told(Bank([NOTHING, Reply(problem(409, "idempotency_in_flight"), 409)]), CHARGE)
    assert isinstance(outcome, Unknown)
    assert (outcome.silent, outcome.check_after) == (False, 1)


@pytest.mark.parametrize("failure", [SILENCE, Reply({}, 429), Reply(problem(403, "account_forbidden"), 403)])
async def test_a_look_that_fails_after_something_was_sent_is_a_doubt(failure):
    bank = Bank([NOTHING, Reply(problem(409, "duplicate_end_to_end_id"), 409), failure])
    assert isinstance(await told(bank, CHARGE), Unknown)


@pytest.mark.parametrize("changes", [{"end_to_end_id": "SOMEBODYELSES"}, {"debtor_account_id": "acc-2"}])
async def test_only_the_operations_own_payment_is_believed(changes):
    references = References()
    outcome = await told(Bank([Reply(page(payment("completed", **changes)))]), CHARGE, references=references)
    assert outcome == Unknown(reason="another payment")
    assert references.noted == []


@pytest.mark.parametrize(
    ("operation", "shown"),
    [(CANCEL, payment("canceled")), (ASKED, samples.asked()), (ASKED, samples.returned())],
    ids=["canceled", "asked", "returned"],
)
@pytest.mark.parametrize("changes", [{"id": "pmt_9"}, {"debtor_account_id": "acc-2"}])
async def test_what_another_payment_shows_is_no_answer_to_a_cancel_or_a_return_request(operation, shown, changes):
    references = References()
    outcome = await told(Bank([Reply(shown | changes)]), operation, references=references)
    assert outcome == Unknown(reason="another payment")
    assert references.noted == []


@pytest.mark.parametrize("status", ["initiated", "processing", "completed", "rejected"])
async def test_another_amount_is_for_a_person_whatever_the_status_is(status):
    outcome = await told(Bank([Reply(page(payment(status, amount="10.01")))]), CHARGE)
    assert outcome == Unknown(reason=AMOUNT_MISMATCH, reference=PAYMENT_ID)


async def test_a_return_of_less_is_for_a_person():
    outcome = await told(Bank([Reply(page(samples.returned(amount="9.50")))]), CHARGE)
    assert outcome == Unknown(reason=AMOUNT_MISMATCH, reference=PAYMENT_ID)


async def test_a_reason_that_nobody_knows_passes_through_and_the_banks_own_words_do_not():
    outcome = await told(Bank([Reply(page(samples.rejected("ZZ99")))]), CHARGE)
    assert outcome == Declined(
        code="ZZ99", message="The bank has rejected it with the code ZZ99.", reference=PAYMENT_ID
    )


@pytest.mark.parametrize("changes", [{"iso_status": None}, {"rail": None}, {"creditor": None}, {"remittance": 5}])
async def test_what_nothing_follows_from_keeps_no_payment_in_doubt(changes):
    assert await told(Bank([Reply(page(payment("completed", **changes)))]), CHARGE) == SUCCEEDED


async def test_a_reason_without_words_is_one():
    back = payment("returned", returned={"code": "R02", "text": None, "at": None, "amount": "10.00"})
    outcome = await told(Bank([Reply(page(back))]), CHARGE)
    assert isinstance(outcome, Reversed)
    assert outcome.code == "R02"


async def test_a_cancel_looks_first_and_stops_what_has_not_begun():
    bank = Bank([Reply(payment("held")), Reply(payment("canceled"))])
    assert await told(bank, CANCEL, "execute", sent=False) == Canceled(reference=PAYMENT_ID)
    assert bank.asked == [READ, STOP]


async def test_a_cancel_whose_answer_was_lost_is_found():
    bank = Bank([Reply(payment("canceled"))])
    assert await told(bank, CANCEL) == Canceled(reference=PAYMENT_ID)
    assert bank.asked == [READ]


async def test_a_cancel_that_comes_as_the_bank_begins_is_too_late():
    refused = Reply(problem(409, "not_cancelable"), 409)
    bank = Bank([Reply(payment("initiated")), refused, Reply(payment("processing"))])
    outcome = await told(bank, CANCEL, "execute", sent=False)
    assert isinstance(outcome, Declined)
    assert outcome.code == "not_cancelable"


async def test_a_payment_that_the_bank_named_and_does_not_show_is_a_doubt():
    assert isinstance(await told(Bank([NONE]), CANCEL), Unknown)


async def test_the_other_bank_is_asked_once():
    first = Bank([Reply(payment("completed")), Reply(samples.asked(), 202)])
    assert await told(first, ASKED, "execute", sent=False) == Pending(reference="rtr_1")
    assert first.asked == [READ, ASK]
    again = Bank([Reply(samples.asked())])
    assert await told(again, ASKED) == Pending(reference="rtr_1")
    assert again.asked == [READ]


async def test_a_rail_that_knows_no_return_requests_is_told_as_such():
    refused = Reply(problem(409, "return_request_impossible"), 409)
    bank = Bank([Reply(payment("completed")), refused, Reply(payment("completed"))])
    outcome = await told(bank, ASKED, "execute", sent=False)
    assert isinstance(outcome, Declined)
    assert outcome.code == "return_request_impossible"


async def test_a_return_request_that_is_impossible_when_it_is_repeated_may_have_been_made_until_that_would_show():
    paid, refused = Reply(payment("completed")), Reply(problem(409, "return_request_impossible"), 409)
    assert isinstance(await told(Bank([paid, refused, paid]), ASKED), Unknown)
    assert isinstance(await told(Bank([paid, refused, paid]), ASKED, key_age=SETTLED), Declined)


async def test_a_refusal_that_nobody_knows_passes_through():
    outcome = await told(Bank([Reply(samples.asked("refused", "ZZ99"))]), ASKED)
    assert isinstance(outcome, Declined)
    assert outcome.code == "ZZ99"
