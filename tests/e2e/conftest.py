"""One whole stack for all stories, as secure as in production, with every trace recorded; each story is a merchant of its own."""

import json
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from malipo_local import Stack
from malipo_local.demo import books
from malipo_local.merchant import DemoMerchant
from malipo_local.services import Kind, names

sys.path.append(str(Path(__file__).parent))

from bank_steps import BANK_DAY_SECONDS
from collector import Collector, collecting
from logged import logged
from operating import run_command

SERVICES = names(Kind.SERVICE)
_MOST_COMPLAINTS = 40
_LONGEST_COMPLAINT = 400


def settings(collector_url: str, partners: dict[str, str]) -> dict[str, dict[str, str]]:
    """What takes minutes takes seconds: webhooks that fail are retried soon, what M-Pesa may correct is settled soon, statements
    are read at once, the bank's days are short; spans come at once. `partners`: where each bank is.
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
    every["provider-bank"] |= {"BANK_STATEMENT_SECONDS": "2", "BANK_PARTNERS": json.dumps(described(partners))}
    every["bank-sim"] = {
        "BANK_SIM_DAY_SECONDS": str(BANK_DAY_SECONDS),
        "WEBHOOK_RETRY_SECONDS": "0.5,0.5,1,1,2,2,4,4,8,8",
    }
    return every


def described(partners: dict[str, str]) -> dict[str, dict[str, str | int]]:
    how = {"mode": "test", "authentication": "oauth2", "timeout_seconds": 3}
    return {name: {**how, "api_base": url} for name, url in partners.items()}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The logs are checked last, when every other story has run."""
    items.sort(key=lambda item: item.path.name == "test_logs.py")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A story that fails shows what the services complained of meanwhile: their logs go with the stack."""
    report = yield
    running = getattr(item, "funcargs", {}).get("stack")
    if call.when == "call" and report.failed and isinstance(running, Stack):
        report.sections.append(("what the services complained of", complaints(running, call.start)))
    return report


def complaints(running: Stack, since: float) -> str:
    """The last lines of warnings and errors that the services have logged since this moment, in their order."""
    begun = datetime.fromtimestamp(since, UTC).isoformat()
    lines = (line for name in SERVICES for line in logged(running, name))
    meant = [line for line in lines if line["level"] != "info" and line["timestamp"] >= begun]
    meant.sort(key=lambda line: line["timestamp"])
    return "\n".join(json.dumps(line)[:_LONGEST_COMPLAINT] for line in meant[-_MOST_COMPLAINTS:])


@pytest.fixture(scope="session")
def collector() -> Generator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="session")
def calendar_bank(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A second partner bank, `calendar`, with the real calendar. Who has to do with it starts it."""
    return Stack(home=tmp_path_factory.mktemp("bank"), only={"bank-sim"}, keep=False)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, collector: Collector, calendar_bank: Stack) -> Generator[Stack]:
    home = tmp_path_factory.mktemp("stack")
    partners = {"default": Stack(home).reserved_url("bank-sim"), "calendar": calendar_bank.reserved_url("bank-sim")}
    with Stack(home=home, settings=settings(collector.url, partners), keep=False, secure=True, forked=True) as running:
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


@pytest.fixture(scope="module")
def bank_shop(stack: Stack) -> Generator[DemoMerchant]:
    """The merchant of all of a file's stories of a partner bank. Whatever they do, afterwards Malipo's book equals the bank's."""
    with DemoMerchant.open(stack, running=run_command) as opened:
        opened.connect_bank()
        yield opened
        assert books.differences(opened) == []
        assert books.double_charges(opened) == []
