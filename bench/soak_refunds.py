"""`make soak-refunds`: the provider's bad habits, and every yuan is back, earned or listed.

As `soak.py`, with fewer charges: they are paid and their orders served to random states. Then
refunds are asked for, some of which the provider refuses for good; others are made in its console,
wholly and in part; some fail after they had succeeded. Notices come doubled and shuffled while
workers and jobs are killed and the database crashes. The books must agree, and what nobody else
ends must be listed for staff. At last two members of staff end it all, one way or the other, and
nothing may be left.

    python bench/soak_refunds.py [--payments 900] [--kills 4] [--crashes 2]
"""

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import soak  # noqa: E402 (found through the line above)
from tests.support.processes import Web  # noqa: E402

PART_FEN = 500
JOBS = 2


class Jobs:
    """Copies of `run_jobs`, one of which is killed now and then."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._command = [sys.executable, "manage.py", "run_jobs"]
        self._environment = environment | {"JOBS_INTERVAL": "0.2"}
        self._copies = [self._start() for _ in range(JOBS)]

    def kill_one(self) -> None:
        number = random.randrange(JOBS)
        self._copies[number].kill()
        self._copies[number].wait()
        self._copies[number] = self._start()

    def stop(self) -> None:
        for copy in self._copies:
            copy.terminate()
        for copy in self._copies:
            copy.wait(60)

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self._command, cwd=soak.ROOT, env=self._environment, stderr=subprocess.DEVNULL
        )


def serve_orders() -> None:
    """Bring the paid orders to random states: paid, waiting, answered, finished."""
    from qaorder.models import Order, Status
    from tests.support import people

    for order in Order.objects.filter(status=Status.PAID).select_related("patient__user"):
        reached = random.choice((Status.PAID, Status.WAITING, Status.ANSWERED, Status.FINISHED))
        if reached >= Status.WAITING:
            people.ask(order)
        if reached >= Status.ANSWERED:
            people.answer(Order.objects.get(pk=order.pk).question)
        if reached >= Status.FINISHED:
            served = Order.objects.get(pk=order.pk)
            people.orders.finish_order(order=served, role=people.Role.PATIENT)


def misbehave(sandbox: Any, phase: int) -> Counter[str]:
    """Ask for refunds and make some in the console; return how many of each."""
    from api.errors import Refusal
    from payments.models import Refund
    from qaorder.models import Order
    from tests.support import people

    done: Counter[str] = Counter()
    for order in Order.objects.filter(status__range=(1, 5)):
        dice = random.random()
        charge_id = str(order.payments.get(opened_order=order).charge_id)
        if dice < 0.15:
            sandbox.script_refunds("reject", times=None, charge=charge_id)
            done["refused for good"] += 1
        if dice < 0.3:
            try:
                people.refund(order)
                done["asked for"] += 1
            except Refusal:
                done["asked for in vain"] += 1
        if 0.2 < dice < 0.4 and not sandbox.charges.get(charge_id)["refunded"]:
            sandbox.console_refund(charge_id, random.choice((None, PART_FEN)))
            done["in the console"] += 1
    succeeded = Refund.objects.filter(status=1, refund_id__isnull=False).order_by("?")
    for refund in succeeded[: 10 * phase]:
        sandbox.fail_refund_late(refund.refund_id)
        done["failed late"] += 1
    return done


def deliver(sandbox: Any, web: Any, jobs: Jobs, cluster: Any, seen: int, options: Any) -> None:
    """Deliver the events from `seen` on, doubled and shuffled, through kills and crashes."""
    from django.db import connection

    notices = [sandbox.notice(event) for event in sandbox.events()[seen:]] * 2
    random.shuffle(notices)
    delivery = soak.Delivery(web.port, notices)
    watch = threading.Thread(
        target=soak.disturb,
        args=(delivery, web, cluster, options.kills, options.crashes),
        daemon=True,
    )
    watch.start()
    killer = threading.Timer(1.0, jobs.kill_one)
    killer.start()
    delivery.run()
    killer.cancel()
    watch.join(60)
    connection.close()  # the database was away


def verdict(provider: Any) -> list[str]:
    """Compare our book with the provider's; return what disagrees."""
    from django.db import connection

    from tests.support.books import whole_book

    connection.close()
    return whole_book(provider)


def decide(environment: dict[str, str]) -> Counter[str]:
    """Let staff end whatever waits for them, each thing one way or the other."""
    from api.errors import Refusal, StaffRefusal
    from payments import staff_acts
    from payments.models import Discrepancy, Refund
    from tests.support import people

    boss = people.make_user(is_staff=True, is_superuser=True)
    done: Counter[str] = Counter()
    for _ in range(4):
        rows: list[Any] = [*Discrepancy.objects.filter(resolved_at=None)]
        rows += Refund.objects.filter(status=2)
        for row in rows:
            for verb, arguments in _ways_out(row):
                try:
                    staff_acts.request(verb, row, actor=boss, reason="soak", **arguments)
                    done[verb] += 1
                    break
                except (Refusal, StaffRefusal):
                    continue
        soak.settle_everything(environment)
    return done


def _ways_out(row: Any) -> list[tuple[str, dict[str, str]]]:
    if not hasattr(row, "kind"):
        ways = ["refund_to_balance", "settle_refund_outside"]
        return [(verb, {}) for verb in random.sample(ways, 2)]
    if row.kind == "refund_undone":
        return [("take_back_refund", {})]
    bearer = random.choice(("doctor", "platform"))
    accept = ("accept_console_refund", {"bearer": bearer})
    dispute: tuple[str, dict[str, str]] = ("dispute_console_refund", {})
    return random.sample([accept, dispute], 2)


def run(folder: Path, cluster: Any, options: Any) -> int:
    environment = soak.set_environment(folder, cluster)
    from django.conf import settings
    from django.core.management import call_command

    from pingpp_sandbox.sandbox import Sandbox
    from tests.support.provider import Provider

    call_command("migrate", verbosity=0)
    account = {"api_key": settings.PINGPP_API_KEY, "app_id": settings.PINGPP_APP_ID}
    with Sandbox(**account, time_scale=0.01) as sandbox:
        environment |= {
            "PINGPP_API_BASE": sandbox.url,
            "PINGPP_PRIVATE_KEY": sandbox.keys.merchant_private,
            "PINGPP_PUBLIC_KEY": sandbox.keys.pingpp_public,
        }
        provider = Provider(sandbox)
        soak.make_charges(provider, options.payments)
        return through_it_all(provider, cluster, environment, options)


def through_it_all(provider: Any, cluster: Any, environment: dict[str, str], options: Any) -> int:
    from audit.attention import waiting_for_staff

    sandbox, jobs = provider.sandbox, Jobs(environment)
    web = Web(sandbox, cluster.data.parent / "web", workers=soak.WORKERS, threads=soak.THREADS)
    seen, began = 0, time.monotonic()
    try:
        for phase in range(3):
            deliver(sandbox, web, jobs, cluster, seen, options)
            seen = len(sandbox.events())
            if phase == 0:
                serve_orders()
            print(f"phase {phase}: {dict(misbehave(sandbox, phase))}")
            time.sleep(5)
        deliver(sandbox, web, jobs, cluster, seen, options)
    finally:
        jobs.stop()
        web.end()
    soak.settle_everything(environment)
    print(f"{len(sandbox.events())} notices in {time.monotonic() - began:.0f} s; books:")
    failed = verdict(provider)
    print(f"staff: {dict(decide(environment))}")
    failed += verdict(provider)
    failed += [str(waiting) for waiting in waiting_for_staff()]
    print("FAILED: " + ", ".join(failed) if failed else "every yuan is back or earned")
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--payments", type=int, default=900)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--crashes", type=int, default=2)
    options = parser.parse_args()
    random.seed(20261124)
    with tempfile.TemporaryDirectory(prefix="feiqingsong-soak-") as name:
        folder = Path(name)
        cluster = soak.Cluster(folder)
        try:
            return run(folder, cluster, options)
        finally:
            cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
