"""Partner banks as the operator describes them: where each is, for which mode, how it authenticates and signs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, FilePath, field_validator

from malipo.contracts.commands import Mode
from malipo.platform.tls import TlsFiles

Authentication = Literal["oauth2", "mtls", "api_key"]
"""How requests are authenticated: an access token, a client certificate and a signature (JWS), or a key in a header."""

WAYS: Mapping[Authentication, str] = {"oauth2": "oauth", "mtls": "certificate", "api_key": "api_key"}
"""The field of an account's credentials that each way needs."""


class Partner(BaseModel):
    """One partner bank."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode
    authentication: Authentication
    api_base: str = Field(pattern=r"^https?://[^/?#]+$")
    webhooks: Literal["hmac", "jws"] = "hmac"
    certificate_authorities: FilePath | None = None
    timeout_seconds: float = Field(default=20, gt=0, le=30)

    @field_validator("certificate_authorities")
    @classmethod
    def _vouches(cls, file: Path | None) -> Path | None:
        if file is not None:
            TlsFiles(file).context()
        return file
