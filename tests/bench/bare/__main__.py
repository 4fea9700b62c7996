"""Runs one bare service, on the server that Malipo's own run on: `python -m bench.bare gateway`."""

import importlib
import os
import sys
from functools import partial

from http_limits.limits import Limits
from http_limits.server import Port, serve

if __name__ == "__main__":
    app = importlib.import_module(f"bench.bare.{sys.argv[1].replace('-', '_')}").build()
    port = Port(app, "127.0.0.1", int(os.environ["HTTP_PORT"]), Limits(), settings="HTTP")
    serve(partial(app.router.lifespan_context, app), admin=port)  # its one port; Malipo's own have two
