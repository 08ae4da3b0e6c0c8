"""`manage.py serve` where it does not serve; where it does, see tests/test_readme.py."""

import socket

import pytest

from feiqingsong.testing.production import blank, environment, run
from tests.support.processes import HOST, free_port

pytestmark = pytest.mark.slow


def test_it_runs_in_development_only():
    done = run("manage.py", "serve", variables=environment())

    assert done.returncode == 1
    assert "development only" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("setting", ["PORT", "SANDBOX_PORT"])
def test_it_says_which_port_is_in_use_and_how_to_choose_another(setting):
    variables = blank() | {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}

    with socket.create_server((HOST, int(variables[setting]))):
        done = run("manage.py", "serve", variables=variables)

    other = int(variables[setting]) + 10
    assert done.returncode == 1
    assert f"端口 {variables[setting]} 已被占用" in done.stderr
    assert done.stderr.endswith(f"make serve {setting}={other}\n")
