"""How fast the machine and its Python are, as a number to stand beside every figure: figures of two gauges do not compare."""

import sysconfig
from time import thread_time

ROUNDS = 100_000
RUNS = 9
WHAT = f"processor time of {ROUNDS:,} rounds of arithmetic, a call, a dict and a bytes object in pure Python, the best of {RUNS} runs"


def loop_ms(rounds: int = ROUNDS, runs: int = RUNS) -> float:
    """Milliseconds that a fixed piece of work takes in this process: the best of some runs, for others only ever slow it down."""
    return 1000 * min(_timed(rounds) for _ in range(runs))


def interpreter(arguments: str | None = None) -> str:
    """How this Python was built: by profile (PGO) and with link-time optimization (LTO), which make it tens of per cent faster."""
    given = (sysconfig.get_config_var("CONFIG_ARGS") if arguments is None else arguments) or ""
    flags = [word.strip("'\"") for word in str(given).split()]
    profiled = "--enable-optimizations" in flags
    linked = any(flag == "--with-lto" or (flag.startswith("--with-lto=") and flag != "--with-lto=no") for flag in flags)
    return f"built {'with' if profiled else 'without'} PGO and {'with' if linked else 'without'} LTO"


def _timed(rounds: int) -> float:
    """Seconds of the processor for one run; time in which others had it does not count."""
    began = thread_time()
    _work(rounds)
    return thread_time() - began


def _work(rounds: int) -> int:
    """What services do all day, in small: numbers, calls, look-ups, short-lived objects."""
    seen: dict[int, bytes] = {}
    total = 0
    for number in range(rounds):
        total = _mix(total, number)
        seen[number & 255] = b"%d" % total
        total += len(seen[total & 255]) if total & 255 in seen else 1
    return total


def _mix(one: int, other: int) -> int:
    return (one * 31 + other) & 0xFFFFFFFF
