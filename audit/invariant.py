"""What an invariant is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Parameters = dict[str, Any]


def _none(now: datetime) -> Parameters:
    return {}


@dataclass(frozen=True)
class Invariant:
    """Something that must always hold; `sql` returns the rows where it does not.

    The SQL runs on PostgreSQL and SQLite alike. It selects keys, numbers and amounts only, never
    what patients and doctors wrote. `parameters` makes its times from the time of the audit.
    """

    code: str
    meaning_zh: str
    meaning_en: str
    sql: str
    parameters: Callable[[datetime], Parameters] = _none

    def __str__(self) -> str:
        return f"{self.code} {self.meaning_zh} / {self.meaning_en}"
