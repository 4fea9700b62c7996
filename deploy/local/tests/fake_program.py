"""Stands in for every service, simulator and step: it is copied into packages with their names.

It migrates by adding a line to a file, serves health pages, and shows its environment at /env.
"""

import asyncio
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path in {"/health/ready", "/_sim/health", "/env"} else 404)
        self.end_headers()
        self.wfile.write(json.dumps(dict(os.environ)).encode())

    def log_message(self, *_: object) -> None:
        pass


async def execute(url: str, statements: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.execute(statements)
    await connection.close()


def main() -> None:
    if "FAIL" in os.environ:
        sys.exit(f"cannot start: {os.environ['FAIL']}")
    if "serve" not in sys.argv and "--port" not in sys.argv:
        with Path(os.environ["STEPS_RUN"]).open("a") as steps:
            steps.write(" ".join([Path(__file__).parent.name, *sys.argv[1:]]) + "\n")
        for migration in (Path(__file__).parent / "migrations").glob("*.sql"):
            asyncio.run(execute(os.environ["DATABASE_URL"], migration.read_text()))
        return
    port = sys.argv[sys.argv.index("--port") + 1] if "--port" in sys.argv else os.environ["ADMIN_PORT"]
    print("serving on", port, flush=True)
    ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


main()
