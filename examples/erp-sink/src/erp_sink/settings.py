"""The settings of the sink, beyond those that every service has."""

from pydantic import Field

from malipo.contracts.commands import Mode
from malipo.platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """Where the ERP is, and how much of it the sink may take."""

    erp_url: str = Field(description="Where the ERP takes documents: `https://erp.example`.")
    books: Mode = Field(
        default="live", description="Whose payments are posted: test payments do not belong in real books."
    )
    posts_at_once: int = Field(default=4, ge=1, le=100, description="Requests to the ERP in flight in this process.")
    post_seconds: float = Field(default=20, gt=0, le=300, description="Time for one answer of the ERP.")
    keep_days: int = Field(default=400, ge=1, le=3650, description="Days that a posted document is kept here.")
