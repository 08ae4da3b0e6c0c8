"""Which environment it is: the rule, and that every entry point and its children follow it."""

import pytest
from django.conf import settings

from feiqingsong import environment
from feiqingsong.environment import DEVELOPMENT, PRODUCTION, STAGING
from feiqingsong.testing.production import blank, run
from feiqingsong.testing.production import environment as production

LOCAL = "postgres://me:secret@127.0.0.1:5432/mine"
LIVE = {"PINGPP_API_KEY": "sk_live_1"}
MARKS = {
    "live key": LIVE,
    "database": {"DATABASE_URL": "postgres://me@db.example/name"},
    "hosts": {"ALLOWED_HOSTS": "localhost,api.example"},
    "debug": {"DEBUG": "off"},
    "everything": production(
        FEIQINGSONG_ENV="", ALLOWED_HOSTS="localhost", PINGPP_API_KEY="sk_test_1"
    ),
}
SHOW = (
    "import sys; sys.argv = ['manage.py', 'shell', '-v0', '-c', {!r}]; import manage; manage.main()"
)


@pytest.mark.parametrize("name", environment.NAMES)
@pytest.mark.parametrize("default", [DEVELOPMENT, PRODUCTION])
def test_what_is_said_counts_whatever_the_marks(name, default):
    assert environment.rule({"FEIQINGSONG_ENV": name} | LIVE, default).name == name


@pytest.mark.parametrize("default", [DEVELOPMENT, PRODUCTION])
def test_with_nothing_said_and_no_mark_the_entry_point_decides(default):
    marks = {"DATABASE_URL": LOCAL, "ALLOWED_HOSTS": "localhost, 127.0.0.1,[::1],*", "DEBUG": "on"}

    assert environment.rule(marks, default).name == default
    assert environment.rule({}, default).name == default


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS.keys())
def test_with_nothing_said_each_mark_alone_makes_it_production(mark):
    decided = environment.rule(mark, DEVELOPMENT)

    assert decided.name == PRODUCTION
    assert "FEIQINGSONG_ENV is not set" in decided.because


def test_all_that_production_requires_is_a_mark_and_one_less_is_none():
    complete = MARKS["everything"]

    for names in environment.REQUIRED:
        lacking = complete | dict.fromkeys(names, "")
        assert environment.rule(lacking, DEVELOPMENT).name == DEVELOPMENT, names


@pytest.mark.parametrize("said", ["prod", "Development", "test"])
def test_a_word_that_names_no_environment_is_no_way_out_of_production(said):
    assert environment.rule({"FEIQINGSONG_ENV": said}, DEVELOPMENT).name == PRODUCTION


@pytest.mark.parametrize(
    "url",
    [
        "postgres:///mine",
        "postgres://localhost/mine",
        "postgres://me@[::1]:5432/mine",
        "postgres://me@127.0.0.2/mine",
        "postgres://me@localhost,127.0.0.1/mine",
        "postgres:////var/run/postgresql/mine",
        "postgres:///mine?host=/tmp",
        "sqlite:////srv/db.sqlite3",
        "",
        "no url",
        "postgres://h:port/mine",
    ],
)
def test_a_database_of_this_machine_is_no_mark(url):
    assert not environment.is_elsewhere(environment.database(url), {})


@pytest.mark.parametrize(
    "url",
    [
        "postgres://db/mine",
        "postgresql://me@10.0.0.1/mine",
        "psql://me@[2001:db8::1]/mine",
        "pgsql://localhost,db.example/mine",
        "postgres://localhost.example/mine",
        "postgres:///mine?host=db",
        "postgres://localhost/mine?hostaddr=10.0.0.1",
        "postgres:///mine?service=live",
    ],
)
def test_a_database_of_another_machine_is_seen_however_it_is_written(url):
    assert environment.is_elsewhere(environment.database(url), {})


@pytest.mark.parametrize("name", ["PGHOST", "PGHOSTADDR", "PGSERVICE"])
def test_what_libpq_itself_reads_counts(name):
    assert environment.is_elsewhere(environment.database("postgres:///mine"), {name: "10.0.0.1"})


def test_manage_is_development_and_tells_its_children(tmp_path):
    code = (
        "import os; from django.conf import settings;"
        " print(settings.ENVIRONMENT, os.environ['FEIQINGSONG_ENV'])"
    )

    done = run("-c", SHOW.format(code), variables=blank() | {"VAR_DIR": str(tmp_path)})

    assert done.stdout.split() == [DEVELOPMENT, DEVELOPMENT], done.stderr


def test_a_server_started_by_manage_is_what_manage_is(tmp_path):
    code = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c',"
        " 'import feiqingsong.wsgi; from django.conf import settings;"
        " print(settings.ENVIRONMENT)'])"
    )

    done = run("-c", SHOW.format(code), variables=blank() | {"VAR_DIR": str(tmp_path)})

    assert done.stdout.split() == [DEVELOPMENT], done.stderr


@pytest.mark.parametrize("module", ["feiqingsong.wsgi", "feiqingsong.asgi", "feiqingsong.settings"])
def test_servers_and_bare_settings_are_production_with_nothing_said(module):
    done = run("-c", f"import {module}", variables=blank())

    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert len(lines) == len(environment.REQUIRED)
    assert all(line.startswith("Refusing to start in production: ") for line in lines)


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS.keys())
@pytest.mark.parametrize("command", ["check", "load_demo", "run_jobs", "serve", "runserver"])
def test_manage_refuses_where_production_s_marks_are_set_and_nothing_is_said(mark, command):
    done = run("manage.py", command, variables=blank() | mark | {"DATABASE_URL": LOCAL} | mark)

    assert done.returncode == 1
    assert done.stdout == ""
    for line in done.stderr.splitlines():
        assert line.startswith("Refusing to start in production (FEIQINGSONG_ENV is not set, and ")


@pytest.mark.parametrize(
    ("changes", "name"),
    [(LIVE, "PINGPP_API_KEY"), (MARKS["database"], "DATABASE_URL")],
)
def test_development_that_was_said_is_refused_with_what_is_production_s(changes, name):
    done = run("manage.py", "check", variables=blank() | {"FEIQINGSONG_ENV": DEVELOPMENT} | changes)

    [line] = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith(f"Refusing to start in development: {name} ")


def test_an_env_file_counts_like_the_environment(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("PINGPP_API_KEY=sk_live_1\n")
    code = (
        "from pathlib import Path; from feiqingsong import environment;"
        f"environment.BASE_DIR = Path({str(tmp_path)!r});"
        "print(environment.decide(default='development').name)"
    )
    bare = {name: value for name, value in blank().items() if value}

    done = run("-c", code, variables=bare)
    said = run("-c", code, variables=bare | {"FEIQINGSONG_ENV": STAGING})

    assert done.stdout.split() == [PRODUCTION], done.stderr
    assert said.stdout.split() == [STAGING], said.stderr


def test_tests_run_in_development_only():
    done = run(
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "feiqingsong/tests/test_money.py",
        variables=blank() | MARKS["database"],
    )

    assert done.returncode != 0
    assert "tests run in development only" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_this_process_is_development():
    assert settings.ENVIRONMENT == DEVELOPMENT
    assert environment.decide(default=PRODUCTION).name == DEVELOPMENT


@pytest.mark.slow
@pytest.mark.parametrize("preload", [[], ["--preload"]])
def test_gunicorn_stops_when_its_workers_are_refused(preload):
    command = ["-m", "gunicorn", "--bind", "127.0.0.1:0", "--no-control-socket", *preload]

    done = run(*command, "feiqingsong.wsgi", variables=blank() | {"PYTHONUNBUFFERED": "1"})

    assert done.returncode != 0
    assert done.stderr.count("Refusing to start in production: SECRET_KEY is missing") == 1
    assert "Traceback" not in done.stderr
