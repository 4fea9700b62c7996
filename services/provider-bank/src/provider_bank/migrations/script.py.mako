"""${message}"""

from malipo.platform.migrations import script

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    script("")
