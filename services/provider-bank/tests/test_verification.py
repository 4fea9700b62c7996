"""Webhooks of partner banks are told from anybody's: by a secret of the account, or by the bank's own key."""

import json
from dataclasses import dataclass, field, replace

import pytest
from bank_signing import CREDENTIALS, ec_key, event, jwk, payment_json, rsa_key, signed, signed_by_bank

from malipo import clock
from provider_bank.keys import KEPT_SECONDS, Keys
from provider_bank.partners import Partner
from provider_bank.verification import SHARED, WINDOW_SECONDS, Verifier
from provider_kit.errors import BadSignature, Misconfigured, NotSent, Stale

BODY = event()
BY_JWS = {**CREDENTIALS, "partner": "jws", "webhook_keys": []}


def partner(webhooks: str) -> Partner:
    return Partner(mode="test", authentication="oauth2", api_base="https://bank.example", webhooks=webhooks)


PARTNERS = {"default": partner("hmac"), "jws": partner("jws")}


@dataclass
class Bank:
    """Shows its keys, or fails to; counts how often it was asked."""

    keys: list = field(default_factory=list)
    error: Exception | None = None
    asked: int = 0

    async def key_set(self, name: str) -> bytes:
        self.asked += 1
        if self.error:
            raise self.error
        return json.dumps({"keys": self.keys}).encode()


@pytest.fixture
def bank() -> Bank:
    return Bank([jwk(rsa_key(), "k-rsa"), jwk(ec_key(), "k-ec")])


@pytest.fixture
def verifier(bank) -> Verifier:
    return Verifier(PARTNERS, Keys(bank.key_set))


@pytest.fixture
def later(monkeypatch):
    """Has so many seconds pass for whoever keeps keys."""
    now = [clock.monotonic()]
    monkeypatch.setattr("provider_bank.keys.clock.monotonic", lambda: now[0])

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    return pass_by


def changed(callback, **headers: str):
    return replace(callback, headers={**callback.headers, **{name.replace("_", "-"): v for name, v in headers.items()}})


@pytest.mark.parametrize("key_id", ["key-1", "key-2"])
async def test_each_of_two_keys_in_rotation_is_believed_under_its_own_id(verifier, key_id):
    sent = await verifier.verify(signed(BODY, key_id), CREDENTIALS)
    assert sent.event_id == "evt_1"
    other = changed(signed(BODY, key_id), x_bank_key_id="key-2" if key_id == "key-1" else "key-1")
    with pytest.raises(BadSignature):
        await verifier.verify(other, CREDENTIALS)


@pytest.mark.parametrize(
    "forged",
    [
        signed(BODY, secret="another"),
        changed(signed(BODY), x_bank_event_id="evt_2"),
        changed(signed(BODY), x_bank_key_id="key-3"),
        changed(signed(BODY), x_bank_signature="v1=00"),
        changed(signed(BODY), x_bank_signature=""),
        changed(signed(BODY), x_bank_timestamp="1e9"),
        replace(signed(BODY), body=BODY + b" "),
        signed_by_bank(BODY, rsa_key(), "k-rsa"),
    ],
    ids=["secret", "event", "key", "digest", "none", "time", "body", "jws"],
)
async def test_what_no_key_of_the_account_has_signed_is_refused(verifier, bank, forged):
    with pytest.raises(BadSignature):
        await verifier.verify(forged, CREDENTIALS)
    assert bank.asked == 0


@pytest.mark.parametrize("age", [WINDOW_SECONDS + 2, -WINDOW_SECONDS - 2])
async def test_what_is_older_than_five_minutes_or_as_far_ahead_is_stale(verifier, age):
    with pytest.raises(Stale):
        await verifier.verify(signed(BODY, age=age), CREDENTIALS)
    await verifier.verify(signed(BODY, age=age * 0.9), CREDENTIALS)


@pytest.mark.parametrize(("key", "kid"), [(rsa_key(), "k-rsa"), (ec_key(), "k-ec")], ids=["RS256", "ES256"])
async def test_what_the_bank_signs_for_all_is_believed_by_its_key_which_is_read_once(verifier, bank, key, kid):
    for _ in range(3):
        await verifier.verify(signed_by_bank(BODY, key, kid), BY_JWS)
    assert bank.asked == 1
    with pytest.raises(BadSignature):
        await verifier.verify(replace(signed_by_bank(BODY, key, kid), body=BODY + b" "), BY_JWS)


@pytest.mark.parametrize(
    "forged",
    [
        signed_by_bank(BODY, rsa_key(), "k-ec"),
        signed_by_bank(BODY, ec_key(), "k-rsa"),
        signed_by_bank(BODY, ec_key(), "k-ec", header={"alg": "none"}),
        signed_by_bank(BODY, ec_key(), "k-ec", header={"alg": "RS256"}),
        signed_by_bank(BODY, ec_key(), "k-ec", header={"crit": ["b64"], "b64": False}),
        changed(signed_by_bank(BODY, ec_key(), "k-ec"), x_bank_signature="a.b.c"),
        signed(BODY),
    ],
    ids=["another's", "another's too", "none", "algorithm", "extensions", "attached", "hmac"],
)
async def test_what_the_bank_has_not_signed_in_its_own_way_is_refused(verifier, forged):
    with pytest.raises(BadSignature):
        await verifier.verify(forged, BY_JWS)


async def test_a_new_key_is_read_as_soon_as_it_signs_but_not_oftener_than_once_a_minute(verifier, bank, later):
    await verifier.verify(signed_by_bank(BODY, ec_key(), "k-ec"), BY_JWS)
    bank.keys = [jwk(ec_key(), "k-new")]
    for _ in range(5):
        with pytest.raises(BadSignature):
            await verifier.verify(signed_by_bank(BODY, ec_key(), "k-new"), BY_JWS)
    assert bank.asked == 1
    later(61)
    await verifier.verify(signed_by_bank(BODY, ec_key(), "k-new"), BY_JWS)
    assert bank.asked == 2


async def test_a_key_that_the_bank_has_withdrawn_is_believed_for_an_hour_at_the_most(verifier, bank, later):
    await verifier.verify(signed_by_bank(BODY, ec_key(), "k-ec"), BY_JWS)
    bank.keys = []
    later(KEPT_SECONDS + 1)
    with pytest.raises(BadSignature):
        await verifier.verify(signed_by_bank(BODY, ec_key(), "k-ec"), BY_JWS)


@pytest.mark.parametrize("error", [NotSent("no connection"), ValueError("no keys")])
async def test_while_the_keys_cannot_be_read_the_webhook_is_to_come_again(verifier, bank, later, error):
    bank.error = error
    for _ in range(3):
        with pytest.raises(NotSent):
            await verifier.verify(signed_by_bank(BODY, ec_key(), "k-ec"), BY_JWS)
    assert bank.asked == 1
    bank.error = None
    later(6)
    await verifier.verify(signed_by_bank(BODY, ec_key(), "k-ec"), BY_JWS)


@pytest.mark.parametrize(
    "unfit",
    [
        {"kid": "k-ec"},
        jwk(rsa_key(1024), "k-ec"),
        jwk(ec_key(), "k-ec", use="enc"),
        jwk(ec_key(), "k-ec", x="AA"),
        "k-ec",
        None,
    ],
    ids=["empty", "short", "of another use", "no point", "a text", "nothing"],
)
async def test_a_key_that_signs_nothing_here_is_passed_over(verifier, bank, unfit):
    bank.keys = [unfit, jwk(rsa_key(), "k-rsa")]
    await verifier.verify(signed_by_bank(BODY, rsa_key(), "k-rsa"), BY_JWS)
    with pytest.raises(BadSignature):
        await verifier.verify(signed_by_bank(BODY, ec_key(), "k-ec"), BY_JWS)


async def test_an_account_of_no_partner_is_misconfigured(verifier):
    with pytest.raises(Misconfigured, match="elsewhere"):
        await verifier.verify(signed(BODY), {**CREDENTIALS, "partner": "elsewhere"})


def test_an_account_is_named_by_its_keys_and_by_what_the_bank_calls_it():
    names = SHARED.names_of(CREDENTIALS)
    assert SHARED.named_in(signed(BODY, "key-2")) in names
    assert SHARED.named_in(signed(b'{"id": "evt_1", "type": "key.expires"}', "key-2")) in names
    assert SHARED.named_in(signed_by_bank(BODY, ec_key(), "k-ec")) in names
    assert "whsec" not in " ".join(names)


def test_a_key_id_that_the_bank_gives_many_customers_names_the_one_account_that_the_event_is_of():
    named = SHARED.named_in(signed(BODY))
    assert named not in SHARED.names_of({**CREDENTIALS, "debtor_account_id": "acc-2"})


@pytest.mark.parametrize(
    "nameless",
    [
        changed(signed(BODY), x_bank_key_id=""),
        changed(signed(BODY), x_bank_key_id="a\0b"),
        signed_by_bank(b"{}", ec_key(), "k-ec"),
        signed_by_bank(json.dumps({"id": "e", "type": "t", "data": payment_json(debtor_account_id="a\0")}).encode(), ec_key(), "k"),
    ],
    ids=["none", "unprintable", "no event", "unprintable account"],
)  # fmt: skip
def test_what_names_no_account_is_refused(nameless):
    with pytest.raises(BadSignature):
        SHARED.named_in(nameless)
