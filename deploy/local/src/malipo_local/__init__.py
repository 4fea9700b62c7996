"""The whole system on one machine without Docker: stores, simulators and services as child processes."""

from malipo_local.errors import StackError, StartError
from malipo_local.stack import Stack
from malipo_local.status import UnitStatus

__all__ = ["Stack", "StackError", "StartError", "UnitStatus"]
