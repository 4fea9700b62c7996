"""Compares each service's migrations with its tables, in a scratch PostgreSQL: `python -m malipo_local.schema_check`."""

import sys

from alembic.util import CommandError

from malipo.platform import migrations
from malipo_local.services import SERVICES, Kind
from malipo_local.stack import Stack


def main() -> None:
    """Exits 1 with what only one side has: a table, a column, its type or default, an index."""
    differing = False
    with Stack(only={"postgres"}) as stack:
        for service in (row for row in SERVICES if row.kind is Kind.SERVICE):
            package = service.module
            url = stack.create_database(f"check_{package}")
            migrations.migrate(package, url)
            try:
                migrations.check(package, url)
            except CommandError as error:
                differing = True
                print(f"{service.name}: its migrations and its tables.py differ: {error}", file=sys.stderr)
    sys.exit(differing)


if __name__ == "__main__":
    main()
