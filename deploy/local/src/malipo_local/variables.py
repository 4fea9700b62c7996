"""Which environment variables are settings of the stack's programs: they get these from the stack, and from no shell."""

import importlib
import os
from collections.abc import Collection, Mapping
from functools import cache

from malipo_local.services import SERVICES, Kind

_MODULES: Mapping[str, str] = {
    **{row.name: f"{row.module}.settings" for row in SERVICES if row.kind is Kind.SERVICE},
    **{row.name: row.module for row in SERVICES if row.kind is Kind.STEP},
}
"""Where the class `Settings` of each program is that has one."""


@cache
def settings_of(name: str) -> Collection[str]:
    """What a service or a step reads of its environment; of anything else nothing is known, and the answer is empty."""
    if name not in _MODULES:
        return ()
    # Imported only here: a command that starts nothing need not wait for it.
    from malipo.platform.environment import variables

    return variables(importlib.import_module(_MODULES[name]).Settings)


def inherited() -> dict[str, str]:
    """What a program has of the environment of whoever starts it: all but settings, which `make env` exports some of.

    A setting's name is read in any case.
    """
    settings = {setting for name in _MODULES for setting in settings_of(name)}
    return {name: value for name, value in os.environ.items() if name.upper() not in settings}
