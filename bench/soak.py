"""`make soak`: ten thousand notices through killed workers and crashed databases; nothing is lost.

A PostgreSQL cluster of its own (fsync on), gunicorn on loopback, the sandbox in this process. More
than 8,000 charges are made and paid at the sandbox; their notices are delivered shuffled, a fifth
of them twice, by a few clients that try again after any failure, as the provider does. Meanwhile
workers are killed with SIGKILL and the database is stopped with `pg_ctl -m immediate`. Then
`run_jobs` settles what is owed, and rows, ledger and the sandbox's own book must agree.

    python bench/soak.py [--payments 8400] [--deliveries 10080] [--kills 5] [--crashes 3]
"""

import argparse
import http.client
import json
import os
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from feiqingsong.testing import postgres  # noqa: E402 (found through the line above)
from tests.support.processes import Web, free_port  # noqa: E402

HOST = "127.0.0.1"
CLIENTS = 6
WORKERS = 2
THREADS = 4
PATIENTS = 40
DOCTORS = 5
WEBHOOK = "/qaorder/pingpp/webhook/"
EVERY_NTH_CANCELLED = 50
EVERY_NTH_PAID_TWICE = 60
ORDERS_LOOKED_AT = 300


class Cluster:
    """A PostgreSQL cluster that may be crashed and started again."""

    def __init__(self, folder: Path) -> None:
        self.binaries = postgres.binary_folders()[0]
        self.identity = postgres.unprivileged_identity()
        self.data, self.port = folder / "pg", free_port()
        if self.identity:
            os.chown(folder, self.identity["user"], self.identity["group"])
            folder.chmod(0o755)
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8")
        self.start()

    @property
    def url(self) -> str:
        return f"postgres://postgres@{HOST}:{self.port}/postgres"

    def start(self) -> None:
        options = f"-h {HOST} -p {self.port} -k '' -c max_connections=60"
        log = str(self.data.parent / "pg.log")
        self._run("pg_ctl", "-D", str(self.data), "-w", "-l", log, "-o", options, "start")

    def crash(self) -> float:
        """Stop without a checkpoint and start again; return the seconds until it is up."""
        started = time.monotonic()
        self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "stop")
        self.start()
        return time.monotonic() - started

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.binaries / program), *arguments],
            cwd=self.data.parent,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            **self.identity,
        )


class Delivery:
    """The provider's side: every notice is sent until it is answered 200."""

    def __init__(self, port: int, notices: list[tuple[bytes, str]]) -> None:
        self.port = port
        self.todo: queue.Queue[tuple[bytes, str]] = queue.Queue()
        for notice in notices:
            self.todo.put(notice)
        self.total, self.acknowledged = len(notices), 0
        self.answers: Counter[str] = Counter()
        self.lock = threading.Lock()

    def run(self) -> None:
        threads = [threading.Thread(target=self._client) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _client(self) -> None:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=20)
        while self.acknowledged < self.total:
            try:
                notice = self.todo.get(timeout=0.2)
            except queue.Empty:
                continue
            answer = self._post(connection, notice)
            with self.lock:
                self.answers[answer] += 1
                self.acknowledged += answer == "200"
            if answer != "200":
                self.todo.put(notice)
                time.sleep(0.05)
                connection.close()

    @staticmethod
    def _post(connection: http.client.HTTPConnection, notice: tuple[bytes, str]) -> str:
        raw, signature = notice
        headers = {"Content-Type": "application/json", "X-Pingplusplus-Signature": signature}
        try:
            connection.request("POST", WEBHOOK, raw, headers)
            response = connection.getresponse()
            response.read()
            return str(response.status)
        except (OSError, http.client.HTTPException):
            return "no answer"


def make_charges(provider: Any, count: int) -> None:
    """Orders with a pending attempt each, some cancelled, some with two; charges paid."""
    from payments.models import Payment
    from qaorder.models import Order
    from tests.support.people import make_doctor, make_patient

    patients = [make_patient() for _ in range(PATIENTS)]
    doctors = [make_doctor() for _ in range(DOCTORS)]
    orders, payments, numbers = [], [], 0
    while numbers < count:
        order = _new_order(random.choice(patients), random.choice(doctors))
        orders.append(order)
        channels = ["alipay", "wx"] if len(orders) % EVERY_NTH_PAID_TWICE == 0 else ["alipay"]
        for suffix, channel in zip(("", "01"), channels, strict=False):
            payments.append(_new_payment(provider, order, channel, suffix))
            numbers += 1
    Order.objects.bulk_create(orders, batch_size=500)
    Payment.objects.bulk_create(payments, batch_size=500)
    _cancel(orders[::EVERY_NTH_CANCELLED])
    for payment in payments:
        provider.pay(payment.charge_id)


def _new_order(patient: Any, doctor: Any) -> Any:
    from django.conf import settings
    from django.utils import timezone

    from qaorder.models import Order
    from qaorder.orders import new_order_number

    return Order(
        order_number=new_order_number(patient),
        patient=patient,
        doctor=doctor,
        order_type="online",
        amount_fen=1500,
        pay_deadline=timezone.now() + settings.ORDER_PAY_WINDOW,
    )


def _new_payment(provider: Any, order: Any, channel: str, suffix: str) -> Any:
    from django.utils import timezone

    from payments.charges import expiry_of
    from payments.models import Payment

    charge = provider.create_charge(order.order_number + suffix, channel, order.amount_fen)
    payment = Payment(
        order=order,
        payer=order.patient.user,
        channel=channel,
        order_no=charge["order_no"],
        amount_fen=order.amount_fen,
        state="pending",
        charge_id=charge["id"],
        charge=json.dumps(charge),
        sent_at=timezone.now(),
    )
    payment.expires_at = expiry_of(charge, payment)
    return payment


def _cancel(orders: list[Any]) -> None:
    from qaorder.lifecycle import Role
    from qaorder.orders import cancel_order

    for order in orders:
        cancel_order(order=order, role=Role.CLOCK)


def disturb(
    delivery: Delivery, web: Web, cluster: Cluster, kills: int, crashes: int
) -> list[float]:
    """Kill and crash at even steps of the progress; return how long each database was away."""
    actions = ["kill"] * kills + ["crash"] * crashes
    random.shuffle(actions)
    outages = []
    for step, action in enumerate(actions, 1):
        target = delivery.total * step / (len(actions) + 1)
        while delivery.acknowledged < target:
            time.sleep(0.02)
        if action == "kill":
            web.kill(random.choice(web.workers()))
        else:
            outages.append(cluster.crash())
    return outages


def settle_everything(environment: dict[str, str]) -> int:
    """Run the jobs until no refund is open; return how many rounds it took."""
    from django.db import connection

    from payments.models import Refund

    for rounds in range(1, 60):
        subprocess.run(
            [sys.executable, "manage.py", "run_jobs", "--once"],
            cwd=ROOT,
            env=environment,
            check=True,
            stderr=subprocess.DEVNULL,
        )
        connection.close()
        Refund.objects.filter(status=0).update(next_try_at="2020-01-01T00:00:00Z")
        if not Refund.objects.filter(status=0).exists():
            return rounds
    raise SystemExit("refunds stay open")


def verdict(provider: Any) -> list[str]:
    """Compare rows, ledger and the sandbox's own book; return what disagrees."""
    from django.db import connection
    from django.db.models import Count

    from qaorder.models import Order
    from tests.support.books import order_problems, unfinished, whole_book

    connection.close()
    orders = list(Order.objects.all())
    paid_twice = Order.objects.alias(n=Count("payments")).filter(n__gt=1)
    looked_at = [*paid_twice, *random.sample(orders, min(len(orders), ORDERS_LOOKED_AT))]
    return whole_book(provider) + unfinished() + order_problems(*looked_at)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--payments", type=int, default=8400)
    parser.add_argument("--deliveries", type=int, default=10080)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--crashes", type=int, default=3)
    options = parser.parse_args()
    random.seed(20261123)
    with tempfile.TemporaryDirectory(prefix="feiqingsong-soak-") as name:
        folder = Path(name)
        cluster = Cluster(folder)
        try:
            return soak(folder, cluster, options)
        finally:
            cluster.stop()


def soak(folder: Path, cluster: Cluster, options: Any) -> int:
    environment = set_environment(folder, cluster)
    from django.core.management import call_command

    from pingpp_sandbox.sandbox import Sandbox
    from tests.support.provider import Provider

    call_command("migrate", verbosity=0)
    from django.conf import settings

    began = time.monotonic()
    with Sandbox(api_key=settings.PINGPP_API_KEY, app_id=settings.PINGPP_APP_ID) as sandbox:
        environment |= {
            "PINGPP_API_BASE": sandbox.url,
            "PINGPP_PRIVATE_KEY": sandbox.keys.merchant_private,
            "PINGPP_PUBLIC_KEY": sandbox.keys.pingpp_public,
        }
        provider = Provider(sandbox)
        make_charges(provider, options.payments)
        notices = [sandbox.notice(event) for event in sandbox.events()]
        notices += random.sample(notices, options.deliveries - len(notices))
        random.shuffle(notices)
        print(f"set-up: {options.payments} charges in {time.monotonic() - began:.0f} s")
        return deliver_and_judge(provider, cluster, environment, notices, options)


def set_environment(folder: Path, cluster: Cluster) -> dict[str, str]:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "feiqingsong.settings",
        "DATABASE_URL": cluster.url,
        "VAR_DIR": str(folder),
        "LOG_LEVEL": "CRITICAL",
        "FEIQINGSONG_ENV": "development",
        "LIMITS": "off",
    }
    import django

    django.setup()
    return dict(os.environ)


def deliver_and_judge(
    provider: Any, cluster: Cluster, environment: dict[str, str], notices: Any, options: Any
) -> int:
    web = Web(provider.sandbox, cluster.data.parent / "web", workers=WORKERS, threads=THREADS)
    try:
        delivery = Delivery(web.port, notices)
        outages: list[float] = []
        disturber = threading.Thread(
            target=lambda: outages.extend(
                disturb(delivery, web, cluster, options.kills, options.crashes)
            ),
            daemon=True,
        )
        started = time.monotonic()
        disturber.start()
        delivery.run()
        seconds = time.monotonic() - started
        disturber.join(30)
    finally:
        web.end()
    print(
        f"delivered: {delivery.total} notices in {seconds:.0f} s ({delivery.total / seconds:.0f}/s)"
    )
    print(f"answers: {dict(delivery.answers)}")
    print(
        f"{options.kills} workers killed, database away " + ", ".join(f"{o:.1f} s" for o in outages)
    )
    print(f"run_jobs rounds until every refund was back: {settle_everything(environment)}")
    failed = verdict(provider)
    print("FAILED: " + ", ".join(failed) if failed else "0 lost, 0 doubled, the books agree")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
