"""Make `.venv` and install pinned requirements into it; does nothing when nothing changed.

    python tools/setup_venv.py requirements.txt [requirements-dev.txt …]

A run that was killed leaves `.venv/.unfinished`, and the next one starts over.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
UNFINISHED = VENV / ".unfinished"
VERSION_CODE = "import sys; print('%d.%d' % sys.version_info[:2])"


def main(requirement_names: list[str]) -> None:
    os.chdir(ROOT)
    with open(ROOT / ".venv.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once must not install over each other
        version = _usable_version()
        if version is None:
            version = _make_venv()
        for name in requirement_names:
            _install(name, version)


def _usable_version() -> str | None:
    """Return the Python version of a `.venv` that can be kept, or None."""
    version = _version_of(VENV_PYTHON)
    if version is None or UNFINISHED.exists():
        return None
    if os.environ.get("PYTHON") and version != _version_of(Path(sys.executable)):
        return None
    if any(VENV.glob(".installed-*")):
        return version
    return version if _has_pip() else None


def _version_of(python: Path) -> str | None:
    try:
        done = subprocess.run(
            [python, "-c", VERSION_CODE], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = done.stdout.strip()
    return version if done.returncode == 0 and _at_least_3_11(version) else None


def _at_least_3_11(version: str) -> bool:
    return tuple(int(part) for part in version.split(".")) >= (3, 11)


def _has_pip() -> bool:
    command = [str(VENV_PYTHON), "-m", "pip", "--version"]
    return subprocess.run(command, capture_output=True).returncode == 0


def _make_venv() -> str:
    if VENV.exists() or VENV.is_symlink():
        print("== 重建 .venv / rebuilding .venv", flush=True)
        _remove_venv()
    # The interpreter behind a virtual environment, in case this one is in .venv itself.
    python = getattr(sys, "_base_executable", None) or sys.executable
    VENV.mkdir()
    UNFINISHED.touch()
    done = subprocess.run([python, "-m", "venv", str(VENV)], capture_output=True, text=True)
    version = _version_of(VENV_PYTHON)
    if done.returncode != 0 or version is None or not _has_pip():
        print(done.stdout + done.stderr, file=sys.stderr)
        sys.exit(
            f"!! {python} 无法建立虚拟环境 / cannot make a virtual environment; "
            "Debian/Ubuntu: apt install python3-venv"
        )
    UNFINISHED.unlink()
    return version


def _remove_venv() -> None:
    """Move it away first: a removal cut short must not look like a usable environment."""
    trash = ROOT / f".venv.old-{os.getpid()}"
    VENV.rename(trash)
    for leftover in ROOT.glob(".venv.old-*"):
        if leftover.is_symlink():
            leftover.unlink()
        else:
            shutil.rmtree(leftover, ignore_errors=True)


def _install(name: str, version: str) -> None:
    content = (ROOT / name).read_bytes()
    key = hashlib.sha256(content).hexdigest() + f" {version} {VENV}\n"
    stamp = VENV / f".installed-{name}"
    if stamp.exists() and stamp.read_text() == key:
        return
    print(f"== 安装 {name}，第一次约需一分钟 / installing {name}", flush=True)
    UNFINISHED.touch()
    command = [str(VENV_PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    command += ["--no-input", "--require-hashes", "-r", str(ROOT / name)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        if done.returncode > 0:  # pip gave up by itself, so nothing is half-written
            UNFINISHED.unlink()
        sys.exit(f"!! 安装 {name} 失败，见上 / installing {name} failed, see above")
    stamp.write_text(key)
    UNFINISHED.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
