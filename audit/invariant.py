"""What an invariant is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Invariant:
    """Something that must always hold; `sql` returns the rows where it does not.

    The SQL runs on PostgreSQL and SQLite alike. It selects keys, numbers and amounts only, never
    what patients and doctors wrote. Its times are those of `waiting.times`, as `%(late)s`.
    """

    code: str
    meaning_zh: str
    meaning_en: str
    sql: str

    def __str__(self) -> str:
        return f"{self.code} {self.meaning_zh} / {self.meaning_en}"
