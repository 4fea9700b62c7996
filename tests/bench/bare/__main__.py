"""Runs one bare service, on the server that Malipo's own run on: `python -m bench.bare gateway`."""

import importlib
import os
import sys

from http_limits.limits import Limits
from http_limits.server import serve

if __name__ == "__main__":
    app = importlib.import_module(f"bench.bare.{sys.argv[1].replace('-', '_')}").build()
    serve(app, "127.0.0.1", int(os.environ["HTTP_PORT"]), stop_seconds=10, limits=Limits())
