"""One whole stack for all stories; each story is a merchant of its own."""

from collections.abc import Generator

import pytest

from malipo_local import Stack
from malipo_local.shop import Shop

SETTINGS = {"webhook-dispatcher": {"RETRY_SCHEDULE_SECONDS": "0.5,0.5,1,1,2,2,4,4,8,8"}}
"""Webhooks that fail come again soon, so that a story about a killed receiver takes seconds."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    with Stack(home=tmp_path_factory.mktemp("stack"), settings=SETTINGS) as running:
        yield running


@pytest.fixture
def shop(stack: Stack) -> Generator[Shop]:
    with Shop.open(stack) as opened:
        yield opened
