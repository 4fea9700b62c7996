"""Runs one bare service: `python -m bench.bare gateway`."""

import importlib
import sys

from bench.bare.wire import serve

if __name__ == "__main__":
    serve(importlib.import_module(f"bench.bare.{sys.argv[1].replace('-', '_')}").build())
