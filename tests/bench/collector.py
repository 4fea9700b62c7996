"""A collector of traces that forgets them at once: prints its address, answers 200 to everything."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Forget(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - it logs nothing
        """Log nothing."""


def main() -> None:
    """Serve until terminated."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Forget)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)  # noqa: T201 - the answer of this command
    server.serve_forever()


if __name__ == "__main__":
    main()
