"""The sandbox as a Python object: start it, drive it, make it fail."""

import threading
from pathlib import Path
from typing import Any, Self

from pingpp_sandbox.account import API_KEY, APP_ID, Account
from pingpp_sandbox.server import Server

__all__ = ["API_KEY", "APP_ID", "Sandbox"]

_SHUTDOWN_POLL_SECONDS = 0.02


class Sandbox(Account):
    """An account that the real SDK can talk to.

    Its Python methods work without `start`; HTTP, webhooks in the background and refunds
    that settle by themselves need it.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        **account: Any,
    ) -> None:
        """Where to listen (port 0: any that is free); the rest: see `Account`."""
        super().__init__(directory, **account)
        self._address = (host, port)
        self._server: Server | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base URL of the started server, without a slash at the end."""
        if self._server is None:
            raise RuntimeError("the sandbox is not started")
        return f"http://{self._server.server_name}:{self._server.server_port}"

    def start(self) -> Self:
        """Serve in background threads.

        Raises: OSError when the port is taken.
        """
        self._server = Server(self._address, self)
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(_SHUTDOWN_POLL_SECONDS,), daemon=True).start()
        self.webhooks.start(self.refunds.settle_due, self.refunds.next_due)
        return self

    def stop(self) -> None:
        """Stop serving and close the store; a new Sandbox on the directory goes on from there."""
        self.faults.clear()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        self.webhooks.stop()
        self.store.close()
