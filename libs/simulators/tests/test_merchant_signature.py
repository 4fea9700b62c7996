"""The Standard Webhooks verifier, against published vectors and everything it must survive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from malipo_simulators.merchant.signature import BadSignature, sign, verify

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
WHEN = 1614265330
BODY = b'{"test": 2432232314}'
GOOD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

SECOND_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
SECOND_ID = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"
SECOND_WHEN = 1649367553
SECOND_BODY = b'{"email":"test@example.com","username":"test_user"}'
SECOND_GOOD = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="


def check(signature=GOOD, *, secrets=(SECRET,), when=str(WHEN), message_id=MESSAGE_ID, body=BODY, now=WHEN):
    headers = {"webhook-id": message_id, "webhook-timestamp": when, "webhook-signature": signature}
    verify(secrets, headers, body, now=now)


def test_the_published_vectors_are_accepted_and_reproduced():
    check()
    assert sign(SECRET, MESSAGE_ID, WHEN, BODY) == GOOD
    headers = {"webhook-id": SECOND_ID, "webhook-timestamp": str(SECOND_WHEN), "webhook-signature": SECOND_GOOD}
    verify([SECOND_SECRET], headers, SECOND_BODY, now=SECOND_WHEN)
    assert sign(SECOND_SECRET, SECOND_ID, SECOND_WHEN, SECOND_BODY) == SECOND_GOOD


@pytest.mark.parametrize(
    "signature",
    [
        f"v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,Ceo5qEr07ixe {GOOD} v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ=",
        f"nocomma {GOOD}",
        f"v1,two,commas {GOOD}",
        f"v1,not!base64 {GOOD}",
        f"  {GOOD}  ",
        f"v1,a  {GOOD}",
        f"v1a,hnO3f9T8 {GOOD}",
    ],
)
def test_a_good_signature_among_others_is_found(signature):
    check(signature)


def test_any_of_several_secrets_will_do():
    check(secrets=(SECOND_SECRET, SECRET))
    check(secrets=(SECRET.removeprefix("whsec_"),))


@pytest.mark.parametrize(
    "secret", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr"]
)
def test_an_unpadded_secret_is_accepted(secret):
    check(sign(secret, MESSAGE_ID, WHEN, BODY), secrets=(secret,))


@pytest.mark.parametrize(
    "changed",
    [
        {"signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="},
        {"signature": "v1,"},
        {"signature": "v1,g0hM9SsE"},
        {"signature": "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"signature": ""},
        {"when": ""},
        {"message_id": ""},
        {"when": "hello"},
        {"when": f"{WHEN}.5"},
        {"when": f" {WHEN}"},
        {"when": f"{WHEN}\n"},
        {"when": "١٦١٤٢٦٥٣٣٠"},
        {"now": WHEN + 301},
        {"now": WHEN - 301},
        {"body": BODY + b" "},
        {"message_id": "msg_other"},
        {"secrets": ()},
        {"secrets": ("",)},
        {"secrets": ("whsec_",)},
        {"secrets": ("whsec_%%%",)},
        {"secrets": (SECOND_SECRET,)},
    ],
)
def test_everything_else_is_refused_with_its_own_error(changed):
    with pytest.raises(BadSignature):
        check(**changed)


def test_the_second_vector_is_refused_with_another_signature():
    headers = {
        "webhook-id": SECOND_ID,
        "webhook-timestamp": str(SECOND_WHEN),
        "webhook-signature": "v1,R3PTzyfHASBKHH98a7yexTwaJ4yNIcGhFQc1yuN+BPU=",
    }
    with pytest.raises(BadSignature):
        verify([SECOND_SECRET], headers, SECOND_BODY, now=SECOND_WHEN)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_header_is_needed(missing):
    headers = {"webhook-id": MESSAGE_ID, "webhook-timestamp": str(WHEN), "webhook-signature": GOOD}
    del headers[missing]
    with pytest.raises(BadSignature):
        verify([SECRET], headers, BODY, now=WHEN)


@pytest.mark.parametrize("now", [WHEN + 300, WHEN - 300])
def test_five_minutes_either_way_are_tolerated(now):
    check(now=now)


@given(secret=st.text(), message_id=st.text(), when=st.text(), signature=st.text(), body=st.binary())
def test_whatever_it_is_given_it_raises_nothing_but_its_own_error(secret, message_id, when, signature, body):
    headers = {"webhook-id": message_id, "webhook-timestamp": when, "webhook-signature": signature}
    with pytest.raises(BadSignature):
        verify([secret], headers, body, now=WHEN)


@given(signature=st.text(alphabet="v1,= ab+/\u00e9\t%"))
def test_no_list_of_signatures_makes_it_stumble(signature):
    with pytest.raises(BadSignature):
        check(signature)
