"""Who may do what in PostgreSQL, on a real server."""

import secrets
import subprocess
from collections.abc import Sequence

import asyncpg
import pytest

from malipo_local import Stack
from malipo_local.connection import connected
from malipo_local.postgres_programs import client_programs
from malipo_local.roles import ALL, Roles, establish, script

PASSWORD = secrets.token_hex(8)
FORBIDDEN = [
    "CREATE TABLE more (number int)",
    "CREATE TEMPORARY TABLE more (number int)",
    "CREATE SCHEMA more",
    "CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE INDEX ON numbers (number)",
    "CREATE TRIGGER more BEFORE INSERT ON numbers EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "ALTER TABLE numbers ADD COLUMN more int",
    "ALTER TABLE numbers OWNER TO CURRENT_USER",
    "DROP TABLE numbers",
    "TRUNCATE numbers",
    "CREATE DATABASE more",
    "CREATE ROLE more",
    "SET ROLE {owns}",
    "ALTER DATABASE {database} SET search_path = more",
]


class Server:
    """A server as its administrator sees it."""

    def __init__(self, url: str) -> None:
        self.host = url.rpartition("@")[2]
        self.administrator = url

    def url(self, database: str, role: str) -> str:
        return f"postgresql://{role}:{PASSWORD}@{self.host}/{database}"

    async def establish(self, *everybody: Roles) -> None:
        passwords = {role: PASSWORD for one in everybody for role in (one.owns, one.serves)}
        await establish(lambda database: f"{self.administrator}/{database}", everybody, passwords)

    async def run(self, url: str, *statements: str) -> None:
        async with connected(url) as connection:
            for statement in statements:
                await connection.execute(statement)

    async def drop(self, everybody: Sequence[Roles]) -> None:
        for one in everybody:
            await self.run(
                f"{self.administrator}/postgres",
                f"DROP DATABASE {one.database} WITH (FORCE)",
                f"DROP ROLE {one.owns}, {one.serves}",
            )


@pytest.fixture
def server(stores) -> Server:
    return Server(stores.databases.server)


@pytest.fixture
async def two(server):
    roles = [Roles.of(f"{name}_{secrets.token_hex(3)}") for name in ("shop", "bank")]
    await server.establish(*roles)
    for one in roles:
        tables = (
            "CREATE TABLE numbers (number int, id int GENERATED ALWAYS AS IDENTITY)",
            "CREATE TABLE counts (n serial)",
        )
        await server.run(server.url(one.database, one.owns), *tables)
    yield roles
    await server.drop(roles)


async def test_who_serves_reads_and_writes_rows_of_tables_that_migrations_have_made(server, two):
    for one in two:
        url = server.url(one.database, one.serves)
        await server.run(url, "INSERT INTO numbers VALUES (1), (2)", "INSERT INTO counts DEFAULT VALUES")
        await server.run(url, "UPDATE numbers SET number = 3 WHERE number = 1", "DELETE FROM numbers WHERE number = 2")
        async with connected(url) as connection:
            assert await connection.fetchval("SELECT array_agg(number) FROM numbers") == [3]


async def test_who_serves_changes_no_table_and_nothing_else(server, two):
    one, allowed = two[0], []
    async with connected(server.url(one.database, one.serves)) as connection:
        for statement in FORBIDDEN:
            try:
                await connection.execute(statement.format(owns=one.owns, database=one.database))
                allowed.append(statement)
            except asyncpg.InsufficientPrivilegeError:
                pass
    assert allowed == []


async def test_nobody_connects_to_the_database_of_another_service(server, two):
    for one, another in (two, reversed(two)):
        for role in (one.serves, one.owns):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="CONNECT privilege"):
                await server.run(server.url(another.database, role), "SELECT 1")


async def test_roles_may_be_established_again_and_tables_stay_as_they_are(server, two):
    await server.establish(*two)
    await server.run(server.url(two[0].database, two[0].serves), "INSERT INTO numbers VALUES (1)")


def run_psql(version: str, url: str, text: str) -> str:
    command = [client_programs(version) / "psql", "--no-psqlrc", "--quiet", "--file=-", url]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


async def try_script(server: Server, version: str) -> None:
    """As an administrator of a managed server, who is no superuser, would do it; twice."""
    number = secrets.token_hex(3)
    administrator = f"administrator_{number}"
    login = f"CREATE ROLE {administrator} LOGIN CREATEDB CREATEROLE PASSWORD '{PASSWORD}'"
    await server.run(f"{server.administrator}/postgres", login)
    roles = [Roles.of(f"{name}_{number}") for name in ("shop", "bank")]
    for _ in range(2):
        assert run_psql(version, server.url("postgres", administrator), script(roles)) == ""
    one, another = roles
    for role in (one.owns, one.serves):
        await server.run(server.url("postgres", administrator), f"ALTER ROLE {role} PASSWORD '{PASSWORD}'")
    await server.run(server.url(one.database, one.owns), "CREATE TABLE numbers (number int)")
    await server.run(server.url(one.database, one.serves), "INSERT INTO numbers VALUES (1)")
    for statement in ("DROP TABLE numbers", "CREATE TABLE more (number int)"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await server.run(server.url(one.database, one.serves), statement)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await server.run(server.url(another.database, one.serves), "SELECT 1")
    await server.drop(roles)
    await server.run(f"{server.administrator}/postgres", f"DROP ROLE {administrator}")


async def test_the_script_needs_no_superuser_and_may_be_run_again(server):
    await try_script(server, "18")


async def test_the_script_is_understood_by_the_oldest_postgresql_that_is_served():
    with Stack(only={"postgres"}, settings={"postgres": {"VERSION": "16"}}) as stack:
        await try_script(Server(stack.env()["DATABASE_SERVER_URL"].rpartition("/")[0]), "16")


def test_every_service_has_roles_of_its_own():
    names = [name for one in ALL for name in (one.database, one.owns)]
    assert len(set(names)) == len(names) == 2 * len(ALL)
    assert {"malipo_gateway", "malipo_orchestrator", "malipo_provider_stripe"} <= set(names)
