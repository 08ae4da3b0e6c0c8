"""One real web process, what it answers, and what each answer cost it."""

import http.client
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.processes import HOST, Web

TICKS = os.sysconf("SC_CLK_TCK")
MOST_SECONDS = 1.0
MOST_ERROR = 16 * 1024


class Answer(NamedTuple):
    status: int
    body: bytes
    content_type: str
    seconds: float
    """Processor time of the server process, all threads."""

    def json(self) -> Any:
        return json.loads(self.body)

    def problems(self) -> list[str]:
        """What no answer may be, whatever was sent; [] for a good one."""
        found = [f"{self.status}"] if self.status >= 500 else []
        found += [f"{self.seconds:.1f} s"] if self.seconds >= MOST_SECONDS else []
        if self.status >= 400 and len(self.body) > MOST_ERROR:
            found.append(f"an error of {len(self.body)} bytes")
        if self.status != 204 and self.content_type != "application/json":
            found.append(f"{self.status} {self.content_type}")
        return found


class Server:
    """A web process under attack, one request at a time."""

    def __init__(self, web: Web) -> None:
        self.web = web

    def send(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        before = self._seconds()
        connection = http.client.HTTPConnection(HOST, self.web.port, timeout=60)
        try:
            connection.request(method, url, body, headers or {})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        content_type = response.headers.get("Content-Type", "")
        return Answer(response.status, content, content_type, self._seconds() - before)

    def _seconds(self) -> float:
        (worker,) = self.web.workers()
        fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
