"""The port for operators: there as long as the process is, whatever the public one does."""

import asyncio
import signal
import socket
import subprocess
import sys

from http_limits.limits import ADMIN
from testkit.waiting import until

GET = b"GET / HTTP/1.1\r\nHost: malipo\r\n\r\n"


async def test_it_tells_that_the_service_stops_and_answers_until_all_of_it_has(draining, process):
    service = draining(0, stays=True)
    probe = await service.connect(admin=True)
    assert (await probe.request(GET)).json["stopping"] is False
    service.process.send_signal(signal.SIGTERM)
    await until(lambda: not process.listens(service.port), what="the public port has ended")
    for path in (b"/", b"/end"):
        answer = await (await service.connect(admin=True)).request(GET.replace(b"/", path, 1))
        assert (answer.json["stopping"], answer.headers["connection"]) == (True, "close")
    assert await asyncio.to_thread(service.process.wait, 15) == -signal.SIGTERM
    assert not process.listens(service.admin_port)


async def test_a_service_that_nobody_calls_has_no_other_port_and_stops_at_once(process):
    _, admin_port = process.free_ports()
    with process.start(0, admin_port, {"drain_seconds": 1000}) as alone:
        await until(lambda: process.listens(admin_port), seconds=60, what="it listens")
        alone.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(alone.wait, 15) == -signal.SIGTERM


async def test_whoever_hangs_there_keeps_neither_merchants_nor_another_probe_waiting(usual):
    hanging = [await usual.connect(admin=True) for _ in range(ADMIN.connections_per_address)]
    for client in hanging:
        await client.send(b"POST / HTTP/1.1\r\nHost: malipo\r\nContent-Length: 100\r\n\r\nhalf")
    assert (await (await usual.connect(admin=True)).response()).status == 503
    assert (await (await usual.connect("127.0.0.9", admin=True)).request(GET)).status == 200
    assert (await (await usual.connect()).request(GET)).status == 200


def test_a_port_that_is_taken_is_named_by_its_setting_before_anything_starts(process):
    port, admin_port = process.free_ports()
    for taken, setting in ((port, "HTTP_PORT"), (admin_port, "ADMIN_PORT")):
        with socket.create_server(("127.0.0.1", taken)):
            refused = process.start(port, admin_port, {}, stderr=subprocess.PIPE)
            _, said = refused.communicate(timeout=60)
        assert refused.returncode == 78
        assert said.decode().startswith(f"setting {setting}: 127.0.0.1, port {taken}: another process listens there")


def test_a_host_that_is_none_of_this_machines_is_named_too():
    script = (
        "from http_limits.server import *; from http_limits.limits import ADMIN;"
        "serve(None, admin=Port(None, '192.0.2.1', 9000, ADMIN, settings='ADMIN'))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr.partition(" 192")[0]) == (78, "setting ADMIN_HOST:")
