"""Run the test suite as `make test` does; arguments go to pytest.

On SQLite the tests that need PostgreSQL come first, on a PostgreSQL of this machine if there is
one, and then all others. FEIQINGSONG_TEST_POSTGRES=0 leaves the first part out.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from feiqingsong.testing import postgres  # noqa: E402 (found through the line above)

PASSED, NOTHING_COLLECTED = 0, 5


def main(arguments: list[str]) -> int:
    if postgres.from_environment() or any(argument.startswith("-m") for argument in arguments):
        return _pytest(arguments)
    if os.environ.get("FEIQINGSONG_TEST_POSTGRES") == "0":
        return _pytest([*arguments, "-m", "not postgres"])
    url = postgres.find()
    if url is None:
        print("!! 没有 PostgreSQL / there is no PostgreSQL", flush=True)
        return _pytest(arguments)
    print("== PostgreSQL", flush=True)
    on_postgres = _pytest([*arguments, "-m", "postgres"], DATABASE_URL=url)
    print("== SQLite", flush=True)
    on_sqlite = _pytest([*arguments, "-m", "not postgres"])
    if on_postgres in (PASSED, NOTHING_COLLECTED):
        return on_postgres if on_sqlite == NOTHING_COLLECTED else on_sqlite
    print("!! PostgreSQL 上有测试失败，见上 / tests failed on PostgreSQL, see above", flush=True)
    return on_postgres


def _pytest(arguments: list[str], **variables: str) -> int:
    # One process per core, each with a database of its own; a file's tests stay together.
    parallel = [] if "-n" in arguments else ["-n", "auto", "--dist", "loadfile"]
    command = [sys.executable, "-m", "pytest", *parallel, *arguments]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
