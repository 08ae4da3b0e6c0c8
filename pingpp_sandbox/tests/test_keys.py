import stat
from concurrent.futures import ThreadPoolExecutor

from pingpp_sandbox import keys as key_files
from pingpp_sandbox.tests.support import FAST_BITS

FILES = {
    "merchant_private.pem",
    "merchant_public.pem",
    "pingpp_private.pem",
    "pingpp_public.pem",
}


def test_the_first_start_writes_four_files_that_the_next_one_reads(tmp_path):
    first = key_files.ensure(tmp_path / "new", FAST_BITS)

    second = key_files.ensure(tmp_path / "new", FAST_BITS)

    assert first == second
    assert {path.name for path in (tmp_path / "new").iterdir()} == FILES
    for path in (tmp_path / "new").glob("*_private.pem"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_starts_at_the_same_time_see_the_same_keys(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: key_files.ensure(tmp_path, FAST_BITS), range(4)))

    assert len({each.merchant_private for each in found}) == 1
    assert len({each.pingpp_private for each in found}) == 1
    assert (tmp_path / "pingpp_public.pem").read_text() == found[0].pingpp_public
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_a_public_file_that_does_not_match_is_made_again(tmp_path):
    first = key_files.ensure(tmp_path, FAST_BITS)
    (tmp_path / "merchant_public.pem").write_text(first.pingpp_public)

    key_files.ensure(tmp_path, FAST_BITS)

    assert (tmp_path / "merchant_public.pem").read_text() == first.merchant_public


def test_keys_have_2048_bits_and_do_not_show_in_repr():
    made = key_files.generate()

    assert key_files.RSA.import_key(made.merchant_private).size_in_bits() == 2048
    assert "PRIVATE" not in repr(made)


def test_a_signature_fits_its_bytes_and_its_key_only(keys):
    signature = key_files.sign(keys.pingpp_private, b"raw")

    assert key_files.is_signed(keys.pingpp_public, b"raw", signature)
    assert not key_files.is_signed(keys.pingpp_public, b"Raw", signature)
    assert not key_files.is_signed(keys.merchant_public, b"raw", signature)
    assert not key_files.is_signed(keys.pingpp_public, b"raw", "not base64")
