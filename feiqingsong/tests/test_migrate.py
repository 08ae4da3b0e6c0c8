"""An older database is refused, never half upgraded."""

import sqlite3
from contextlib import closing

from feiqingsong.testing.production import blank, run


def test_a_database_made_before_the_first_release_is_refused_in_one_sentence(tmp_path):
    variables = blank() | {"DATABASE_URL": f"sqlite:///{tmp_path}/old.sqlite3"}
    made = run("manage.py", "migrate", "-v0", "contenttypes", variables=variables)
    assert made.returncode == 0, made.stderr
    with closing(sqlite3.connect(tmp_path / "old.sqlite3")) as database, database:
        database.execute(
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('feiqingsong', '0001_limits', '2026-01-01')"
        )

    for _ in range(2):
        done = run("manage.py", "migrate", variables=variables)

        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert f"数据库 {tmp_path}/old.sqlite3 是 1.0.0 之前建立的" in done.stderr
