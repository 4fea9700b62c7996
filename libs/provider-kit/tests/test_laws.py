"""The conformance class itself: its laws cannot be bent."""

import pytest

from testkit.conformance import ProviderConformance


def test_a_law_that_is_overridden_is_an_error():
    with pytest.raises(TypeError, match="Bent overrides laws: test_a_5xx_is_unknown"):

        class Bent(ProviderConformance):
            async def test_a_5xx_is_unknown(self):
                pass


def test_a_law_that_is_overridden_from_the_side_is_an_error():
    class Aside:
        test_a_5xx_is_unknown = None

    with pytest.raises(TypeError, match="test_a_5xx_is_unknown"):

        class Bent(Aside, ProviderConformance):
            pass
