"""The secret that a development machine makes for itself."""

import multiprocessing

from feiqingsong.secret_file import read_or_create_secret


def _read(path, barrier, queue):
    barrier.wait()
    queue.put(read_or_create_secret(path))


def test_the_secret_is_made_once_and_read_afterwards(tmp_path):
    path = tmp_path / "new" / "secret_key"

    first = read_or_create_secret(path)

    assert len(first) >= 50
    assert read_or_create_secret(path) == first
    assert [file.name for file in path.parent.iterdir()] == ["secret_key"]


def test_two_places_have_two_secrets(tmp_path):
    assert read_or_create_secret(tmp_path / "a") != read_or_create_secret(tmp_path / "b")


def test_a_given_secret_is_kept(tmp_path):
    path = tmp_path / "secret_key"
    path.write_text("mine")

    assert read_or_create_secret(path) == "mine"


def test_only_its_owner_may_read_it(tmp_path):
    path = tmp_path / "secret_key"

    read_or_create_secret(path)

    assert path.stat().st_mode & 0o077 == 0


def test_processes_that_start_together_agree(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier, queue = context.Barrier(8), context.Queue()
    path = tmp_path / "secret_key"
    processes = [
        context.Process(target=_read, args=(path, barrier, queue), daemon=True) for _ in range(8)
    ]

    for process in processes:
        process.start()
    secrets = {queue.get(timeout=20) for _ in processes}
    for process in processes:
        process.join(timeout=20)

    assert secrets == {path.read_text()}
    assert [file.name for file in tmp_path.iterdir()] == ["secret_key"]
