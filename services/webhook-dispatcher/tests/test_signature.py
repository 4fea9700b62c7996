"""Signatures against the vectors that the Standard Webhooks libraries publish."""

import pytest

from webhook_dispatcher.signature import BadSecret, headers, sign

V1 = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
V1_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
V2 = (
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
    1649367553,
    b'{"email":"test@example.com","username":"test_user"}',
)
V2_SIGNATURE = "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="


@pytest.mark.parametrize(("vector", "signature"), [(V1, V1_SIGNATURE), (V2, V2_SIGNATURE)])
def test_published_vectors_come_out_as_published(vector, signature):
    assert sign(*vector) == signature


def test_the_headers_are_those_of_the_specification():
    assert headers(*V1) == {
        "webhook-id": V1[1],
        "webhook-timestamp": "1614265330",
        "webhook-signature": V1_SIGNATURE,
    }


def test_the_secret_may_come_without_its_prefix():
    assert sign(V1[0].removeprefix("whsec_"), *V1[1:]) == V1_SIGNATURE


@pytest.mark.parametrize("cut", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr"])
def test_unpadded_base64_is_as_good_as_padded(cut):
    padded = cut + "=" * (-len(cut) % 4)
    assert sign(cut, *V1[1:]) == sign(f"whsec_{padded}", *V1[1:])


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_====", "whsec_not base64!", "whsec_a", "whsec_é"])
def test_a_secret_that_signs_nothing_is_refused_without_repeating_it(secret):
    with pytest.raises(BadSecret) as refused:
        sign(secret, *V1[1:])
    assert str(refused.value) == ""


def test_a_receiver_accepts_what_we_sign_and_nothing_that_was_changed(kit):
    secret, message_id, timestamp, body = V1
    good = headers(*V1)

    def accepts(changes=(), given_body=body, at=timestamp, with_secret=secret):
        return kit.verify(with_secret, good | dict(changes), given_body, now=at)

    assert accepts()
    assert accepts({"webhook-signature": f"v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,Ceo5 {V1_SIGNATURE}"})
    assert accepts(at=timestamp + 300)
    assert not accepts({"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="})
    assert not accepts({"webhook-signature": "v1,"})
    assert not accepts({"webhook-signature": V1_SIGNATURE[:8]})
    assert not accepts({"webhook-signature": ""})
    assert not accepts({"webhook-id": ""})
    assert not accepts({"webhook-timestamp": "hello"})
    assert not accepts({"webhook-timestamp": str(timestamp + 1)})
    assert not accepts(given_body=body + b" ")
    assert not accepts(at=timestamp + 301)
    assert not accepts(at=timestamp - 301)
    assert not accepts(with_secret="whsec_")
    assert not kit.verify(V2[0], headers(*V2) | {"webhook-signature": V1_SIGNATURE}, V2[3], now=V2[2])
    assert message_id in good["webhook-id"]
