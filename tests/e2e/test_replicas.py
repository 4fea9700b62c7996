"""Two of every service: the same stories, also when one of the two is killed."""

import signal

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
        Stack(home=tmp_path / "stack", replicas=dict.fromkeys(SERVICES, 2)) as stack,
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
