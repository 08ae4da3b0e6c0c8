"""A running sandbox, the real SDK pointed at it, and a merchant for its webhooks."""

import functools
import sys

import pytest
import six
import six.moves.urllib.parse  # noqa: F401 the SDK imports it by this name

from pingpp_sandbox import keys as key_files
from pingpp_sandbox.sandbox import Sandbox
from pingpp_sandbox.tests.support import FAST_BITS, NODE_REASON, Merchant

# The SDK's own copy of six cannot be imported on Python 3.12 and later.
for _name, _module in list(sys.modules.items()):
    if _name.partition(".")[0] == "six":
        sys.modules.setdefault(f"pingpp.{_name}", _module)

TIME_SCALE = 0.002


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [str(report.longrepr) for report in skipped if NODE_REASON in str(report.longrepr)]
    if reasons:
        terminalreporter.write_line(
            f"!! {len(reasons)} 个用 Ping++ 官方 Node SDK 的测试被跳过：需要 node、npm 和软件源",
            yellow=True,
            bold=True,
        )


@pytest.fixture(scope="session")
def keys():
    return key_files.generate(FAST_BITS)


@pytest.fixture
def merchant():
    merchant = Merchant()
    yield merchant
    merchant.close()


@pytest.fixture
def sandbox(keys, merchant):
    with Sandbox(keys=keys, webhook_url=merchant.url, time_scale=TIME_SCALE) as sandbox:
        yield sandbox


@pytest.fixture
def sdk(sandbox, monkeypatch):
    import pingpp
    from Crypto.PublicKey import RSA

    # The SDK parses and proves its key on each call, which is half the time of these tests.
    monkeypatch.setattr(RSA, "importKey", functools.lru_cache(RSA.import_key))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pingpp, "api_key", sandbox.options.api_key)
    monkeypatch.setattr(pingpp, "api_base", sandbox.url)
    monkeypatch.setattr(pingpp, "private_key", sandbox.keys.merchant_private)
    monkeypatch.setattr(pingpp, "max_network_retries", 0)
    monkeypatch.setattr(pingpp, "timeout", 5)
    return pingpp
