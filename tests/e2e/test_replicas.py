"""Two of every service: the same stories, also when one of the two is killed."""

import re
import signal

import httpx
import pytest
from operating import run_command

from malipo_local import Stack
from malipo_local.demo import books
from malipo_local.merchant import DemoMerchant
from malipo_local.services import Kind, names

SERVICES = names(Kind.SERVICE)


@pytest.mark.timeout(300)
def test_two_of_each_service_share_the_work_and_one_of_two_may_die(tmp_path):
    with (
        Stack(home=tmp_path / "stack", replicas=dict.fromkeys(SERVICES, 2), forked=True) as stack,
        DemoMerchant.open(stack, running=run_command) as merchant,
    ):
        payment_ids = [merchant.pay(amount=5000 + number, prefer="respond-async")["id"] for number in range(30)]
        for service in SERVICES:
            stack.kill(f"{service}-1", signal.SIGKILL)
        payment_ids += [merchant.pay(amount=6000 + number, prefer="respond-async")["id"] for number in range(30)]
        for payment_id in payment_ids:
            assert merchant.wait(payment_id, seconds=90)["status"] == "completed"
            received = merchant.events(payment_id, "payment.completed", seconds=90)
            assert [one["sequence"] for one in received][-1] == len({one["id"] for one in received})
        assert books.differences(merchant) == []
        assert books.double_charges(merchant) == []
        assert set(books.malipos(merchant)) == set(payment_ids)
        stack.wait_ready("provider-mpesa", 90)
        both_prompt_with_one_token(stack, merchant)
        both_capture_what_is_approved(stack, merchant)


def both_prompt_with_one_token(stack: Stack, merchant: DemoMerchant) -> None:
    """At M-Pesa each new token ends the last one: replicas that fetched their own would end each other's."""
    merchant.connect_mpesa()
    merchant.paybill.script("paid", times=20)
    for payment_id in [merchant.prompt(prefer="respond-async")["id"] for _ in range(20)]:
        assert merchant.wait(payment_id, seconds=90)["status"] == "completed"
        assert len(merchant.paybill.prompts(payment_id)) == 1
    assert [sent(url, "mpesa", "charge") > 0 for url in stack.admin_urls("provider-mpesa")] == [True, True]
    fetched = merchant.paybill.http.get("/_sim/requests", params={"path": "/oauth/v1/generate"})
    assert len(fetched.raise_for_status().json()) == 1


def both_capture_what_is_approved(stack: Stack, merchant: DemoMerchant) -> None:
    """Each approval is told twice and more, and either of both sends its confirm."""
    stack.wait_ready("provider-paypal", 90)
    merchant.connect_paypal()
    merchant.paypal.script("approve_twice", times=20, after_seconds=0.1)
    with merchant.paypal.fault("webhook_duplicate"):
        payment_ids = [merchant.check_out(prefer="respond-async")["id"] for _ in range(20)]
        for payment_id in payment_ids:
            assert merchant.wait(payment_id, seconds=90)["status"] == "completed"
    assert books.differences(merchant) == []
    assert books.double_charges(merchant) == []
    assert [sent(url, "paypal", "confirm") > 0 for url in stack.admin_urls("provider-paypal")] == [True, True]
    fetched = merchant.paypal.http.get("/_sim/requests", params={"path": "/v1/oauth2/token"}).raise_for_status().json()
    assert len(fetched) == 2, "one of the merchant's own, to make the webhook, and one of both replicas"


def sent(url: str, provider: str, kind: str) -> float:
    """How many operations of a kind a replica has sent, by its metrics."""
    counted = re.findall(
        rf'^malipo_provider_calls_total\{{kind="{kind}",provider="{provider}",[^}}]*verb="execute"\}} ([0-9.e+]+)',
        httpx.get(f"{url}/metrics").raise_for_status().text,
        re.MULTILINE,
    )
    return sum(map(float, counted))
