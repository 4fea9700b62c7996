"""One stack for the pages' stories, as `make up` starts it; what takes minutes takes seconds."""

from collections.abc import Generator

import pytest
from operating import run_command

from malipo_local import Stack
from malipo_local.merchant import DemoMerchant
from operations.acts import SETTINGS
from operations.shop import BY_HAND


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    with Stack(home=tmp_path_factory.mktemp("operations"), settings=SETTINGS, keep=False, forked=True) as running:
        yield running


@pytest.fixture
def merchant(stack: Stack) -> Generator[DemoMerchant]:
    with DemoMerchant.open(stack, running=run_command) as opened:
        yield opened


@pytest.fixture(scope="module")
def shop(stack: Stack, whole: bool) -> Generator[DemoMerchant]:
    """The merchant of all of a module's stories."""
    with DemoMerchant.open(stack, running=run_command) as opened:
        if whole:
            opened.connect_mpesa()
            opened.paybill.pay_by_hand(BY_HAND, "")
        yield opened
