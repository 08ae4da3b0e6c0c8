"""The audit's queries: silent about sound rows, loud about planted faults, no branch too many."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.db import connection

from audit.invariant import Invariant
from audit.runner import INVARIANTS
from tests.audit import mutants
from tests.audit.faults import FAULTS
from tests.audit.planted import finds, planted, sound_rows
from tests.audit.world import Keys


def test_every_invariant_has_its_faults():
    assert sorted(FAULTS) == [invariant.code for invariant in INVARIANTS]
    assert all(FAULTS.values())


@pytest.mark.django_db
def test_every_fault_is_found_by_its_invariant_and_nothing_in_sound_rows():
    with sound_rows() as keys:
        alarms = [invariant.code for invariant in INVARIANTS if finds(invariant)]
        missed = [
            (invariant.code, fault)
            for invariant in INVARIANTS
            for fault in FAULTS[invariant.code]
            if not _is_found(invariant, fault, keys)
        ]

    assert (alarms, missed) == ([], [])


def _is_found(invariant, fault, keys):
    with planted(fault, keys):
        return finds(invariant)


@pytest.mark.slow
@pytest.mark.django_db
def test_a_planted_fault_or_a_sound_row_needs_every_branch_of_every_invariant():
    with sound_rows() as keys:
        survivors = [
            (invariant.code, gone)
            for invariant in INVARIANTS
            for gone in _survivors(invariant, keys)
        ]

    assert survivors == []


def _survivors(invariant: Invariant, keys: Keys) -> Iterator[str]:
    """What can be taken out of the invariant unnoticed."""
    dialect = {"postgresql": "postgres"}.get(connection.vendor, connection.vendor)
    same = replace(invariant, sql=mutants.roundtrip(invariant.sql, dialect))
    assert not finds(same), "raises an alarm by itself"
    alive = [
        (gone, replace(invariant, sql=sql)) for gone, sql in mutants.mutants(invariant.sql, dialect)
    ]
    alive = [(gone, mutant) for gone, mutant in alive if not finds(mutant)]
    for fault in FAULTS[invariant.code]:
        with planted(fault, keys):
            assert finds(same), fault
            alive = [(gone, mutant) for gone, mutant in alive if finds(mutant)]
    return (gone for gone, _ in alive)
