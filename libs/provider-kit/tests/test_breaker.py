"""The circuit breaker, on a clock that the test turns."""

from provider_kit.breaker import FAILURES_TO_OPEN, OPEN_SECONDS, Breaker, CircuitState


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def opened() -> tuple[Breaker, Clock]:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES_TO_OPEN):
        assert breaker.wait_seconds("a") == 0
        breaker.failed("a")
    return breaker, clock


def test_it_opens_after_failures_in_a_row_for_that_key_only():
    breaker, _ = opened()
    assert breaker.wait_seconds("a") == OPEN_SECONDS
    assert breaker.wait_seconds("b") == 0
    assert (breaker.count(CircuitState.OPEN), breaker.count(CircuitState.HALF_OPEN)) == (1, 0)


def test_it_is_half_open_once_its_time_is_over():
    breaker, clock = opened()
    breaker.failed("b")
    clock.seconds = OPEN_SECONDS
    assert (breaker.count(CircuitState.OPEN), breaker.count(CircuitState.HALF_OPEN)) == (0, 1)


def test_a_success_in_between_keeps_it_closed():
    breaker = Breaker(Clock())
    for _ in range(FAILURES_TO_OPEN * 3):
        breaker.failed("a")
        breaker.succeeded("a")
    assert breaker.wait_seconds("a") == 0


def test_after_the_pause_one_probe_goes_out_and_the_others_wait():
    breaker, clock = opened()
    clock.seconds = OPEN_SECONDS
    assert breaker.wait_seconds("a") == 0
    assert breaker.wait_seconds("a") == OPEN_SECONDS


def test_a_probe_that_succeeds_closes_it_and_one_that_fails_keeps_it_open():
    breaker, clock = opened()
    clock.seconds = OPEN_SECONDS
    breaker.wait_seconds("a")
    breaker.failed("a")
    assert breaker.wait_seconds("a") == OPEN_SECONDS
    clock.seconds *= 3
    breaker.wait_seconds("a")
    breaker.succeeded("a")
    assert breaker.wait_seconds("a") == breaker.wait_seconds("a") == 0
    assert breaker.count(CircuitState.OPEN) == 0
