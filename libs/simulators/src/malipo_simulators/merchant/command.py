"""How the merchant simulator is started."""

from malipo_simulators.kit.options import Host, Port
from malipo_simulators.kit.server import serve_app
from malipo_simulators.merchant.app import create_merchant_app

PORT = 12112
"""Where it listens unless told otherwise: no other simulator's."""


def run(host: Host = "127.0.0.1", port: Port = PORT) -> None:
    """A merchant that receives webhooks at /hooks/{name}, verifies Standard Webhooks signatures, remembers everything.

    Set a receiver's secret with PUT /_sim/receivers/{name}; make it fail, hang, redirect or slow down with
    PUT /_sim/receivers/{name}/behaviour; read what came with GET /_sim/received. All of it is described at /docs.
    """
    serve_app(create_merchant_app(), host=host, port=port, note="merchant simulator")
