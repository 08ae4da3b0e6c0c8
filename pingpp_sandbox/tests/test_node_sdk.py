"""The provider's SDK for Node as it is published, pointed here by its own `setHost`."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pingpp_sandbox.sandbox import APP_ID
from pingpp_sandbox.tests.support import NODE_REASON, charge_params

PACKAGE = "pingpp@2.1.6"
INSTALL_SECONDS = 60
CALL_SECONDS = 30
SCRIPT = Path(__file__).with_name("node_sdk.js")


@pytest.fixture(scope="session")
def modules(tmp_path_factory):
    """Where the package is installed."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip(f"{NODE_REASON}: node and npm are not both installed")
    directory = tmp_path_factory.mktemp("node")
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    command = ["npm", "install", "--prefix", str(directory), *options, PACKAGE]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_SECONDS)
    except subprocess.SubprocessError as error:
        pytest.skip(f"{NODE_REASON}: {PACKAGE} cannot be had from the registry ({error})")
    return directory / "node_modules"


@pytest.fixture
def node(modules, sandbox):
    """Calls methods of the SDK's `charges`, one after another; their answers."""
    address = urlsplit(sandbox.url)
    account = {
        "host": address.hostname,
        "port": address.port,
        "key": sandbox.options.api_key,
        "privateKey": sandbox.keys.merchant_private,
    }

    def call(*calls):
        done = subprocess.run(
            ["node", str(SCRIPT)],
            input=json.dumps({"account": account, "calls": calls}),
            env=os.environ | {"NODE_PATH": str(modules)},
            capture_output=True,
            text=True,
            timeout=CALL_SECONDS,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return call


def test_it_makes_and_reads_a_charge(node, sandbox):
    [charge] = node(["create", charge_params()])

    [read, expanded, listed] = node(
        ["retrieve", charge["id"]],
        ["retrieve", charge["id"], {"expand": ["app"]}],
        ["list", {"app": {"id": APP_ID}, "paid": False}],
    )

    assert charge == read == sandbox.charges.get(charge["id"])
    assert charge["subject"] == charge_params()["subject"]
    assert expanded["app"]["id"] == charge["app"] == APP_ID
    assert listed["data"] == [charge]


def test_it_refunds_a_charge_and_reads_its_refunds(node, sandbox):
    charge = sandbox.pay(sandbox.create_charge(charge_params())["id"])
    theirs = sandbox.console_refund(charge["id"], 200)

    [ours] = node(["createRefund", charge["id"], {"amount": 500, "description": "退款"}])
    [listed, read, whole] = node(
        ["listRefunds", charge["id"]],
        ["retrieveRefund", charge["id"], ours["id"]],
        ["retrieve", charge["id"]],
    )

    assert (ours["amount"], ours["status"], ours["description"]) == (500, "succeeded", "退款")
    assert listed["data"] == whole["refunds"]["data"] == [ours, theirs]
    assert read == ours
    assert whole["amount_refunded"] == 700


def test_its_errors_have_their_types(node, sandbox):
    charge = sandbox.pay(sandbox.create_charge(charge_params())["id"])
    sandbox.script_refunds("reject", code="channel_response_code_fail")

    [missing, refused] = node(
        ["retrieve", "ch_unknown"], ["createRefund", charge["id"], {"description": "退款"}]
    )

    assert (missing["error"]["type"], missing["error"]["param"]) == ("invalid_request_error", "id")
    assert refused["error"]["type"] == "channel_error"
    assert refused["error"]["code"] == "channel_response_code_fail"
