"""Many copies and many rows: the work is shared, done once, and found without a search."""

import json
import threading
from collections import Counter

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from jobs import orders, runner
from jobs.tests import crowd
from ledger.models import Account, Transaction
from payments.models import Comparison
from qaorder import worklist
from qaorder.models import Order, OrderEvent, Status
from tests.support import books

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

DUE = 2000
COPIES = 3
HISTORY = 20_000
FEW = 1000
"""Rows a sweep may look at when nothing is due, where a table has twenty times as many."""


@pytest.mark.races
def test_copies_share_a_backlog_and_do_nothing_twice(monkeypatch):
    monkeypatch.setattr(worklist, "SWEEP_SECONDS", 300.0)
    crowd.make_answered(DUE)
    start = threading.Barrier(COPIES)
    done = []

    def copy():
        try:
            connection.ensure_connection()
            start.wait()
            done.append(orders.finish_answered())
        finally:
            connection.close()

    threads = [threading.Thread(target=copy) for _ in range(COPIES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(done) == DUE
    assert len(done) == COPIES
    assert min(done) > DUE / COPIES / 4
    assert Order.objects.filter(status=Status.FINISHED, failures=0).count() == DUE
    assert set(Counter(OrderEvent.objects.values_list("order", flat=True)).values()) == {1}
    assert Transaction.objects.filter(kind="completion").count() == DUE
    earned = Account.objects.filter(kind="earnings").values_list("balance_fen", flat=True)
    assert sum(earned) == DUE * crowd.AMOUNT_FEN
    books.assert_balanced()


def scans(plan):
    """Every node of a plan that reads rows of a table, with how many it looked at."""
    if "Relation Name" in plan:
        removed = plan.get("Rows Removed by Filter", 0) + plan.get(
            "Rows Removed by Index Recheck", 0
        )
        yield plan["Relation Name"], (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    for child in plan.get("Plans", ()):
        yield from scans(child)


def looked_at(work):
    """How many rows of each table the queries of this work look at."""
    with CaptureQueriesContext(connection) as captured:
        work()
    assert captured.captured_queries
    rows = Counter()
    for query in captured.captured_queries:
        if query["sql"].startswith("SELECT"):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query['sql']}")
                [answer] = cursor.fetchone()
            plan = json.loads(answer) if isinstance(answer, str) else answer
            for table, number in scans(plan[0]["Plan"]):
                rows[table] += number
    return rows


def test_a_sweep_with_nothing_to_do_looks_at_few_rows(provider):
    crowd.make_history(HISTORY)
    runner.run_round()
    Comparison.objects.update(next_try_at=F("start_at"))

    found = {sweep.__name__: looked_at(sweep) for sweep in runner.SWEEPS}

    many = {
        (name, table): number
        for name, rows in found.items()
        for table, number in rows.items()
        if number > FEW
    }
    assert many == {}


def test_an_order_that_somebody_else_is_at_is_left_alone_and_not_waited_for():
    crowd.make_answered(3)
    first = Order.objects.earliest("status_at")
    somebody = connection.copy()
    somebody.set_autocommit(False)
    try:
        with somebody.cursor() as cursor:
            cursor.execute("SELECT 1 FROM qaorder_order WHERE id = %s FOR UPDATE", [first.pk])

        assert orders.finish_answered() == 2
    finally:
        somebody.close()

    first.refresh_from_db()
    assert (first.status, first.failures) == (Status.ANSWERED, 0)
    assert orders.finish_answered() == 1
