"""Reads the options of `up` that name a service: `--set SERVICE.NAME=VALUE` and `--replicas SERVICE=NUMBER`."""

from collections.abc import Iterable

from malipo_local.errors import StackError
from malipo_local.variables import settings_of


def read_settings(options: Iterable[str]) -> dict[str, dict[str, str]]:
    """The values by service and name. Raises StackError for a setting that the service or step does not have.

    Of a store anything goes: its settings are its server's options.
    """
    settings: dict[str, dict[str, str]] = {}
    for option in options:
        target, equals, value = option.partition("=")
        service, dot, name = target.partition(".")
        if not (equals and dot and service and name):
            message = f"--set {option}: write it as SERVICE.NAME=VALUE, as in gateway.LOG_LEVEL=DEBUG."
            raise StackError(message)
        _check_setting(service, name)
        settings.setdefault(service, {})[name] = value
    return settings


def read_replicas(options: Iterable[str]) -> dict[str, int]:
    """The number of processes by service."""
    replicas: dict[str, int] = {}
    for option in options:
        service, _, number = option.partition("=")
        if not number.isdigit():
            message = f"--replicas {option}: write it as SERVICE=NUMBER, as in gateway=2."
            raise StackError(message)
        replicas[service] = int(number)
    return replicas


def _check_setting(service: str, name: str) -> None:
    known = settings_of(service)
    if known and name not in known:
        message = f"--set {service}.{name}: {service} has no such setting. Choose from: {', '.join(sorted(known))}."
        raise StackError(message)
