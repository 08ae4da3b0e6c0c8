"""The audit without one of its branches: a planted fault, or sound rows, must tell it apart."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.db import connection
from django.utils import timezone

from qaorder.audit.invariant import Invariant
from qaorder.audit.runner import INVARIANTS, check
from tests.audit import mutants, selftest
from tests.audit.faults import FAULTS
from tests.audit.world import World


@pytest.mark.slow
@pytest.mark.django_db
def test_a_planted_fault_or_a_sound_row_needs_every_branch_of_every_invariant():
    with selftest.prepared() as keys:
        survivors = [
            (invariant.code, gone)
            for invariant in INVARIANTS
            for gone in _survivors(invariant, keys)
        ]

    assert survivors == []


def _survivors(invariant: Invariant, keys: World) -> Iterator[str]:
    """What can be taken out of the invariant unnoticed."""
    dialect = {"postgresql": "postgres"}.get(connection.vendor, connection.vendor)
    same = replace(invariant, sql=mutants.roundtrip(invariant.sql, dialect))
    assert not _finds(same), "raises an alarm by itself"
    alive = [
        (gone, replace(invariant, sql=sql)) for gone, sql in mutants.mutants(invariant.sql, dialect)
    ]
    alive = [(gone, mutant) for gone, mutant in alive if not _finds(mutant)]
    for fault in FAULTS:
        if fault.code == invariant.code:
            with selftest.planted(fault, keys):
                assert _finds(same), fault.what
                alive = [(gone, mutant) for gone, mutant in alive if _finds(mutant)]
    return (gone for gone, _ in alive)


def _finds(invariant: Invariant) -> bool:
    return bool(check(invariant, timezone.now()).rows)
