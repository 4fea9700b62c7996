"""The first law of all: a begun provider's suite begins with the list of what is to be written."""

import pytest

from malipo.platform.client import http_client
from testkit.examples import left_to_write
from testkit.provider_examples import ProviderExamples
from testkit.transports import Reply, answer


class NothingIsLeft(ProviderExamples):
    """The base of the other laws, for pytest runs a base's tests before those of the classes upon it."""

    def test_nothing_is_left_to_write(self) -> None:
        """What `make new-provider` has left open raises an error that names it; this lists them all."""
        provider = self.connect(http_client(timeout_seconds=1, transport=answer(Reply({}))))
        if left := left_to_write(type(self), provider):
            pytest.fail("\n  ".join(["to be written:", *left]), pytrace=False)
