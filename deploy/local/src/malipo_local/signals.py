"""Lets a command that is to end close what it has opened."""

import signal
from typing import NoReturn


def stop_on_signals() -> None:
    """Have SIGTERM and a closed terminal interrupt this process as Ctrl-C does, unless it ignores them."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, interrupt)
