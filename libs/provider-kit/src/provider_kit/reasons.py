"""Reasons of an `Unknown` that are our own: nothing is known of the operation, for the provider has said nothing."""

from typing import Literal, get_args

ObstacleCode = Literal[
    "configuration_behind",
    "personal_data_behind",
    "personal_data_unreadable",
    "provider_unreachable",
    "provider_misconfigured",
]
"""Why a try could not be sent."""

NOT_SENT_YET = "not sent yet"
"""An operation was asked about that still waits to be sent."""
ARRIVING = "arriving"
"""An operation was asked about that came in meanwhile."""
INTERNAL_ERROR = "internal_error"
"""The provider's code has raised what it may not: a bug."""

UNHEARD: tuple[str, ...] = (*get_args(ObstacleCode), NOT_SENT_YET, ARRIVING, INTERNAL_ERROR)
"""All of them: such an outcome, and a silent one, is no answer of the provider's."""
