"""A web server as a process: uvicorn on a socket that the supervisor already holds, and may have given to several."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import uvicorn


class Server(uvicorn.Server):
    """Says by a file when it takes connections; lets open event streams end before connections are waited for."""

    sign: Path

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections, and say so."""
        await super().startup(sockets)
        self.sign.touch()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections and let the present ones finish."""
        from config.handlers import streams_end

        streams_end()
        await super().shutdown(sockets)


def main() -> None:
    """Serve `config.asgi` on the inherited socket whose number is the first argument; the second one is the file."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    listener = socket.socket(fileno=int(sys.argv[1]))
    config = uvicorn.Config(
        "config.asgi:application",
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
        backlog=1024,
    )
    server = Server(config)
    server.sign = Path(sys.argv[2])
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
