"""One web process for the module that attacks it, on the suite's own database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pingpp_sandbox.sandbox import Sandbox
from tests.hostile.server import Server
from tests.support.processes import Web


@pytest.fixture(scope="module")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the web process would put temporary files."""
    return Path(tmp_path_factory.mktemp("temporary"))


@pytest.fixture(scope="module")
def server(
    django_db_setup: None,
    running_sandbox: Sandbox,
    temporary: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    if not Path("/proc/self/stat").exists():
        pytest.skip("processor time is read from /proc")
    folder = Path(tmp_path_factory.mktemp("hostile"))
    web = Web(running_sandbox, folder, TMPDIR=str(temporary), LIMITS="off")
    yield Server(web)
    bugs = web.bugs()
    web.end()
    assert bugs == []
