"""docs/openapi.json: the merchants' API, for tools, as the gateway itself shows it."""

import json
from typing import cast

from fastapi import FastAPI

from gateway.main import build
from gateway.settings import Settings
from pages.markdown import as_json


def page() -> str:
    """The document as JSON."""
    app = cast("FastAPI", build(_settings()).public)
    return as_json(json.loads(app.state.openapi()))


def _settings() -> Settings:
    """Settings that lead nowhere: the application is built and never started."""
    return Settings.model_validate(
        {
            "environment": "test",
            "database_url": "postgresql://nobody@localhost/nothing",
            "kafka_bootstrap": "localhost:9",
            "redis_url": "redis://localhost:9/0",
            "key_ring": f"none:{'A' * 43}=",
        }
    )
