"""Makes `python -m malipo_local` the command line."""

from malipo_local.cli import app

app(prog_name="python -m malipo_local")
