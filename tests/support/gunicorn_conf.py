"""Gunicorn for the kill tests: a worker dies at the point that the file `arm` named at its birth.

The file is used up by one worker, so the one that gunicorn starts in its place lives.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["FAULTS_FOLDER"])


def when_ready(server: Any) -> None:
    """Import what a first request would, so that a new worker is ready in milliseconds."""
    from django.urls import get_resolver

    for part in get_resolver().url_patterns:
        getattr(part, "url_patterns", None)


def post_fork(server: Any, worker: Any) -> None:
    os.environ.pop("FAILPOINT_KILL", None)
    with suppress(FileNotFoundError):
        os.environ["FAILPOINT_KILL"] = (FOLDER / "arm").read_text()
        (FOLDER / "arm").unlink()
    (FOLDER / "born").write_text(str(os.getpid()))
    (FOLDER / "born").replace(FOLDER / str(worker.pid or os.getpid()))
