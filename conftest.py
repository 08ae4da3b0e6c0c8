"""What every test run does: skip what needs PostgreSQL on SQLite, and say so loudly."""

import pytest
from django.db import connection

POSTGRES_REASON = "needs PostgreSQL"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if connection.vendor == "postgresql":
        return
    for item in items:
        if item.get_closest_marker("postgres"):
            item.add_marker(pytest.mark.skip(reason=POSTGRES_REASON))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if POSTGRES_REASON in str(report.longrepr)
    ]
    if skipped:
        terminalreporter.write_line(
            f"!! {len(skipped)} 个需要 PostgreSQL 的测试被跳过；"
            "运行它们: DATABASE_URL=postgres://… pytest，或 make test",
            yellow=True,
            bold=True,
        )
