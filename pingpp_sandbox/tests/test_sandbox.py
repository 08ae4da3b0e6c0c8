from concurrent.futures import ThreadPoolExecutor

import pytest

from pingpp_sandbox.sandbox import Sandbox
from pingpp_sandbox.tests.support import charge_params


def test_it_works_without_being_started(keys):
    sandbox = Sandbox(keys=keys)

    charge = sandbox.pay(sandbox.create_charge(charge_params())["id"])
    sandbox.refund(charge["id"], description="d")

    assert [event["type"] for event in sandbox.events()] == ["charge.succeeded", "refund.succeeded"]
    with pytest.raises(RuntimeError):
        assert sandbox.url
    sandbox.stop()


def test_the_port_can_be_chosen_and_is_taken_once(keys):
    with Sandbox(keys=keys) as first:
        port = int(first.url.rpartition(":")[2])
        second = Sandbox(keys=keys, port=port)
        with pytest.raises(OSError, match="in use"):
            second.start()
        second.stop()

    with Sandbox(keys=keys, port=port) as third:
        assert third.url == f"http://127.0.0.1:{port}"


def test_the_same_charge_made_by_many_at_once_is_made_once(sdk, sandbox):
    with ThreadPoolExecutor(8) as pool:
        charges = list(pool.map(lambda _: sdk.Charge.create(**charge_params()), range(16)))

    assert len({charge.id for charge in charges}) == 1
    assert sandbox.state()["charges_made"] == 1


def test_many_refunds_at_once_never_exceed_the_charge(sdk, sandbox):
    charge = sandbox.pay(sandbox.create_charge(charge_params())["id"])

    def refund(_):
        try:
            return sdk.Charge.refund(charge["id"], description="d", amount=500)["amount"]
        except sdk.InvalidRequestError:
            return 0

    with ThreadPoolExecutor(8) as pool:
        refunded = sum(pool.map(refund, range(8)))

    assert refunded == sandbox.charges.get(charge["id"])["amount_refunded"] == 1500


def test_payments_at_once_are_announced_once(sandbox, merchant):
    charge = sandbox.create_charge(charge_params())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: sandbox.pay(charge["id"]), range(8)))

    assert sandbox.webhooks.wait(5)
    assert len(merchant.notices) == 1
