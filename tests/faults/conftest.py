"""The processes are started once for the module that needs them, on the suite's own database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pingpp_sandbox.sandbox import Sandbox
from tests.faults.world import World
from tests.support.processes import Jobs, Web
from tests.support.provider import Provider


@pytest.fixture(scope="module")
def web(
    django_db_setup: None, running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Web]:
    web = Web(running_sandbox, Path(tmp_path_factory.mktemp("web")))
    yield web
    web.end()


@pytest.fixture(scope="module")
def jobs(
    django_db_setup: None, running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Jobs]:
    jobs = Jobs(running_sandbox, Path(tmp_path_factory.mktemp("jobs")))
    yield jobs
    jobs.end()


@pytest.fixture
def world(
    transactional_db: None,
    running_sandbox: Sandbox,
    provider: Provider,
    web: Web,
    jobs: Jobs | None,
) -> Iterator[World]:
    processes = [process for process in (web, jobs) if process is not None]
    bugs_before = sum(len(process.bugs()) for process in processes)
    world = World(running_sandbox, provider, web, jobs)
    yield world
    world.close()
    bugs = [bug for process in processes for bug in process.bugs()]
    assert len(bugs) == bugs_before, bugs
