"""`python -m bench.ingest_server MODULE FD`: serve an ASGI application as the product is served."""

from __future__ import annotations

import socket
import sys

import uvicorn

if __name__ == "__main__":
    config = uvicorn.Config(
        f"{sys.argv[1]}:application",
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[2]))])
