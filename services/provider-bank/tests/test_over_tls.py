"""The three ways to authenticate over real TLS, against the simulated bank: what works, and what is told of what does not."""

from datetime import timedelta

import pytest
from secure_bank import WAYS, calling, new_charge, running

from malipo.contracts.outcomes import Succeeded, Unknown
from malipo.contracts.providers.bank import own_reference
from malipo_simulators.bank.certificates import Certificates
from provider_kit.errors import Misconfigured, NotSent
from testkit.clocks import put_wrong


@pytest.fixture
async def bank(tmp_path):
    async with running(tmp_path) as bank:
        yield bank


@pytest.fixture
async def caller(bank):
    async with calling(bank.partners) as caller:
        yield caller


@pytest.mark.parametrize("way", WAYS)
async def test_a_payment_is_made_and_found_again_by_each_way_to_authenticate(bank, caller, way):
    charge, credentials = new_charge(), await bank.credentials(way)
    paid = await caller.charge(credentials, charge)
    assert isinstance(paid, Succeeded), paid
    assert await caller.query(credentials, charge) == paid
    assert await bank.debited() == [own_reference(charge.operation_id)]


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_a_certificates_key_signs_by_its_own_algorithm(bank, caller, algorithm):
    credentials = await bank.credentials("mtls", algorithm=algorithm)
    assert isinstance(await caller.charge(credentials), Succeeded)


async def test_customers_of_one_bank_do_not_share_a_connection(bank, caller):
    shop = await bank.credentials("mtls")
    cafe = await bank.credentials("mtls", partner="cafe") | {"debtor_account_id": "acc-2"}
    for credentials in (shop, cafe, shop, cafe):
        assert isinstance(await caller.charge(credentials), Succeeded)
    with pytest.raises(Misconfigured, match="account_forbidden"):
        await caller.charge(cafe | {"debtor_account_id": shop["debtor_account_id"]})
    assert len(await bank.debited()) == 4


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("trusted", ["another authority", "what this system trusts"])
async def test_a_bank_that_nobody_vouches_for_gets_nothing(bank, tmp_path, way, trusted):
    (tmp_path / "other.pem").write_bytes(Certificates().authority_pem)
    authorities = tmp_path / "other.pem" if trusted == "another authority" else None
    credentials = await bank.credentials(way)
    name = credentials["partner"]
    async with calling({name: bank.partner(way, certificate_authorities=authorities)}) as caller:
        with pytest.raises(NotSent, match="vouches"):
            await caller.charge(credentials)
    assert not await bank.requests("*")


async def test_a_bank_under_another_name_gets_nothing(tmp_path):
    async with running(tmp_path, names="bank.example") as bank, calling(bank.partners) as caller:
        with pytest.raises(NotSent, match="vouches"):
            await caller.charge(await bank.credentials("api_key"))
        assert not await bank.requests("*")


async def test_a_certificate_that_has_expired_is_told_before_anything_is_sent(bank, caller):
    credentials = await bank.credentials("mtls", valid_seconds=-1)
    with pytest.raises(Misconfigured, match="client certificate expired on"):
        await caller.charge(credentials)
    assert not await bank.requests("*")


async def test_a_certificate_that_expires_by_the_banks_clock_first_is_told_as_what_it_is(bank, caller, monkeypatch):
    credentials = await bank.credentials("mtls", valid_seconds=-1)
    put_wrong(monkeypatch, timedelta(minutes=-2))
    with pytest.raises(Misconfigured, match="certificate_expired"):
        await caller.charge(credentials)
    assert not await bank.debited()


async def test_a_certificate_of_another_authority_is_a_doubt_that_ends_once_it_is_replaced(bank, caller):
    """A server that ends the handshake only hangs up: in TLS 1.3 that does not prove that nothing was sent."""
    given = Certificates().issue("shop")
    stranger = {"certificate": given.pem.decode(), "private_key": given.key_pem.decode(), "key_id": "a1"}
    charge, credentials = new_charge(), await bank.credentials("mtls")
    doubt = await caller.charge(credentials | {"certificate": stranger}, charge)
    assert isinstance(doubt, Unknown), doubt
    assert not await bank.debited()
    assert isinstance(await caller.query(credentials, charge), Succeeded)
    assert await bank.debited() == [own_reference(charge.operation_id)]


async def test_a_revoked_certificate_and_a_key_under_another_id_are_named(bank, caller):
    credentials = await bank.credentials("mtls")
    other = credentials | {"certificate": credentials["certificate"] | {"key_id": "another"}}
    with pytest.raises(Misconfigured, match="signature_invalid"):
        await caller.charge(other)
    await bank.revoke(credentials)
    with pytest.raises(Misconfigured, match="certificate_revoked"):
        await caller.charge(credentials)
    assert not await bank.debited()


async def test_a_clock_that_is_wrong_is_told_as_such_and_the_payment_goes_when_it_is_right(bank, caller, monkeypatch):
    charge, credentials = new_charge(), await bank.credentials("mtls")
    with monkeypatch.context() as wrong:
        put_wrong(wrong, timedelta(minutes=10))
        with pytest.raises(NotSent, match="clock"):
            await caller.charge(credentials, charge)
    assert isinstance(await caller.charge(credentials, charge), Succeeded)
    assert await bank.debited() == [own_reference(charge.operation_id)]


@pytest.mark.parametrize("fault", ["answer_lost", "reset_after_effect", "connection_reset"])
async def test_a_connection_that_breaks_is_a_doubt_that_the_book_ends(bank, caller, fault):
    charge, credentials = new_charge(), await bank.credentials("mtls")
    await bank.control("faults", fault=fault, match={"method": "POST"}, times=1)
    doubt = await caller.charge(credentials, charge)
    assert isinstance(doubt, Unknown), doubt
    assert isinstance(await caller.query(credentials, charge), Succeeded)
    assert await bank.debited() == [own_reference(charge.operation_id)]
