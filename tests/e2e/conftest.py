"""One whole stack for all stories, with every trace recorded; each story is a merchant of its own."""

import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from malipo_local import Stack
from malipo_local.demo import books
from malipo_local.merchant import DemoMerchant
from malipo_local.services import Kind, names

sys.path.append(str(Path(__file__).parent))

from collector import Collector, collecting
from operating import run_command

SERVICES = names(Kind.SERVICE)


def settings(collector_url: str) -> dict[str, dict[str, str]]:
    """What takes minutes takes seconds: webhooks that fail are retried soon, what M-Pesa may correct is settled soon, statements
    are read at once; spans come at once.
    """
    traced = {"TRACE_RATIO": "1", "OTEL_EXPORTER_OTLP_ENDPOINT": collector_url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    every = {service: dict(traced) for service in SERVICES}
    every["webhook-dispatcher"]["RETRY_SCHEDULE_SECONDS"] = "0.5,0.5,1,1,2,2,4,4,8,8"
    every["provider-mpesa"] |= {
        "MPESA_SETTLE_SECONDS": "3",
        "MPESA_STATEMENT_SECONDS": "1",
        "MPESA_STATEMENT_LATENESS_SECONDS": "30",
        "MPESA_STATEMENT_QUERIES_PER_MINUTE": "600",
    }
    every["provider-paypal"] |= {"PAYPAL_STATEMENT_SECONDS": "2", "PAYPAL_STATEMENT_LATENESS_SECONDS": "300"}
    return every


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The logs are checked last, when every other story has run."""
    items.sort(key=lambda item: item.path.name == "test_logs.py")


@pytest.fixture(scope="session")
def collector() -> Generator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Generator[Stack]:
    with Stack(home=tmp_path_factory.mktemp("stack"), settings=settings(collector.url), forked=True) as running:
        yield running


@pytest.fixture
def merchant(stack: Stack) -> Generator[DemoMerchant]:
    with DemoMerchant.open(stack, running=run_command) as opened:
        yield opened


@pytest.fixture(scope="module")
def paypal_shop(stack: Stack) -> Generator[DemoMerchant]:
    """The merchant of all of a file's stories of PayPal, as each account's statement is read again and again. Whatever they do,
    afterwards Malipo's book equals PayPal's.
    """
    with DemoMerchant.open(stack, running=run_command) as opened:
        opened.connect_paypal()
        yield opened
        assert books.differences(opened) == []
        assert books.double_charges(opened) == []
