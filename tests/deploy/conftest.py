"""nginx and gunicorn are started once for the module that needs them, on the suite's database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pingpp_sandbox.sandbox import Sandbox
from tests.deploy.callers import Answer, call
from tests.deploy.servers import IS_MISSING, Gunicorn, Nginx
from tests.support.world import World

NEEDS_NGINX = "needs nginx"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if IS_MISSING and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=NEEDS_NGINX))


@pytest.fixture(scope="module")
def gunicorn(
    django_db_setup: None, running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gunicorn]:
    gunicorn = Gunicorn(running_sandbox, tmp_path_factory.mktemp("gunicorn"))
    yield gunicorn
    gunicorn.end()
    assert gunicorn.bugs() == []


@pytest.fixture(scope="module")
def nginx(gunicorn: Gunicorn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    nginx = Nginx(tmp_path_factory.mktemp("nginx"), gunicorn.port)
    yield nginx
    nginx.end()


class Practice(World):
    """A patient with a doctor, who reach the service through nginx."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port, self.token = port, self.by_patient.token

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        headers = {"Authorization": f"Token {self.token}"} | options.pop("headers", {})
        return call(self.port, method, path, body, headers=headers, **options)

    def place_order(self, **options: Any) -> Answer:
        data = {"order_type": "online", "doctor": self.doctor.user.username}
        return self.call("POST", "/qaorder/order/create/", data, **options)


@pytest.fixture
def practice(transactional_db: None, nginx: Nginx) -> Practice:
    return Practice(nginx.port)
