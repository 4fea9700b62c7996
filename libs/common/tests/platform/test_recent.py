"""What is remembered for a moment."""

from malipo.platform.recent import Recent
from testkit.waiting import until


async def test_what_has_expired_is_kept_no_longer_also_when_nobody_asks():
    recent = Recent[str, str](seconds=0.05, most=10)

    async def read() -> str:
        return "secret"

    for key in "abc":
        assert await recent.find(key, read, suits=lambda _: True) == "secret"
    await until(lambda: not recent._kept, what="all are forgotten")
