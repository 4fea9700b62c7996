"""Makes `python -m malipo_local` the command line."""

from malipo_local.cli import run

run()
