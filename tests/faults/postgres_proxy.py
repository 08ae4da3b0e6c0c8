"""A proxy between Django and PostgreSQL that cuts the connection around one chosen statement."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto

from django.db import connection

HOST = "127.0.0.1"
SSL_REQUESTS = (80877103, 80877104)
"""A client's questions whether TLS or GSSAPI is spoken; then there would be nothing to read."""
LATE_SECONDS = 0.5
FINISHED, IDLE, NO_ANSWER_WANTED = b"Z", b"I", (0, 12)


class Loss(Enum):
    """What happens to the chosen statement: the client never learns."""

    REQUEST = auto()  # the server never gets it
    REPLY = auto()  # the server has done it
    LATE = auto()  # the server does it after the client has gone


@dataclass(frozen=True)
class Exchange:
    """A statement that was answered; idle: the server was then in no transaction."""

    command: str
    is_idle: bool

    @property
    def is_final(self) -> bool:
        """Whether something may have been made to last by it."""
        return self.is_idle and self.command.split()[0] in ("COMMIT", "INSERT", "UPDATE", "DELETE")


class PostgresProxy:
    """Counts statements from `watch` on; cuts at most one; then passes all, or nobody any more."""

    def __init__(self) -> None:
        values = connection.settings_dict
        self._server = (values["HOST"] or HOST, int(values["PORT"] or 5432))
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self.watch()
        threading.Thread(target=self._accept, daemon=True).start()

    def watch(self, cut_at: int = -1, loss: Loss = Loss.REPLY, *, is_last: bool = False) -> None:
        """Count anew; lose the statement of this number; with `is_last` the database is gone then.

        The statements seen are in `exchanges`.
        """
        self.exchanges: list[Exchange] = []
        self._cut_at, self._loss, self._is_last = cut_at, loss, is_last
        self.has_cut = False
        self._is_over = threading.Event()

    def wait(self) -> None:
        """Wait until the server has done with the statement that was cut."""
        assert self._is_over.wait(LATE_SECONDS * 20)

    def close(self) -> None:
        self._listener.close()

    @contextmanager
    def between(self) -> Iterator[None]:
        """Connect this thread's Django through the proxy; then as before."""
        connection.close()
        direct = connection.settings_dict
        connection.settings_dict = {**direct, "HOST": HOST, "PORT": self.port}
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict = direct

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, EOFError), client:
            if self.has_cut and self._is_last:
                return
            with socket.create_connection(self._server) as server:
                self._start(client, server)
                while self._exchange(client, server):
                    pass

    def _start(self, client: socket.socket, server: socket.socket) -> None:
        """Pass the greeting and whatever password there is."""
        while True:
            size = _read(client, 4)
            greeting = _read(client, struct.unpack("!i", size)[0] - 4)
            if struct.unpack("!i", greeting[:4])[0] not in SSL_REQUESTS:
                break
            client.sendall(b"N")
        server.sendall(size + greeting)
        kind = b""
        while kind != FINISHED:
            kind, message = _message(server)
            client.sendall(message)
            if kind == b"R" and struct.unpack("!i", message[5:9])[0] not in NO_ANSWER_WANTED:
                server.sendall(_message(client)[1])

    def _exchange(self, client: socket.socket, server: socket.socket) -> bool:
        """Pass one statement and its answer; whether the connection goes on."""
        kind, asked = _message(client)
        if kind == b"X":
            server.sendall(asked)
            return False
        assert kind == b"Q", "only the simple protocol, which psycopg2 speaks"
        is_chosen = len(self.exchanges) == self._cut_at and not self.has_cut
        self.has_cut |= is_chosen
        if is_chosen and self._loss is Loss.REQUEST:
            self._is_over.set()
            return False
        if is_chosen and self._loss is Loss.LATE:
            client.close()
            time.sleep(LATE_SECONDS)
        server.sendall(asked)
        answer = self._answer(server)
        if is_chosen:
            self._is_over.set()
            return False
        client.sendall(answer)
        return True

    def _answer(self, server: socket.socket) -> bytes:
        answer, command = b"", ""
        while True:
            kind, message = _message(server)
            answer += message
            if kind == b"C":
                command = message[5:-1].decode()
            if kind == FINISHED:
                self.exchanges.append(Exchange(command or "-", message[5:6] == IDLE))
                return answer


def _message(end: socket.socket) -> tuple[bytes, bytes]:
    """Read one message: its kind, and all of its bytes."""
    head = _read(end, 5)
    return head[:1], head + _read(end, struct.unpack("!i", head[1:])[0] - 4)


def _read(end: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = end.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data
