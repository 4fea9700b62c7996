"""The window of a query: two times in East Africa Time, written in more ways than one."""

import re
from datetime import datetime

from malipo_simulators.mpesa.times import EAST_AFRICA

# "2020-08-04 8:36:00", "2019-07-31 19:00" and even "2020-08-16 10:10:000" are in Daraja's own samples.
WRITTEN = re.compile(r"(\d{4})-(\d{2})-(\d{2}) (\d{1,2}):(\d{2})(?::(\d{2,3}))?")


def read_time(text: str) -> int | None:
    """Unix seconds, or None if it is no such time."""
    found = WRITTEN.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=EAST_AFRICA).timestamp())
    except ValueError:
        return None
