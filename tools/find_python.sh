#!/bin/sh
# Print the Python to set up with: $PYTHON, else the one in .venv, else the newest found.
# "Found" means that it runs: a pyenv shim may be there for a version that is not.
set -u

fits() {
    "$1" -c 'import sys, ssl, sqlite3, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}
can_make_venv() {
    "$1" -c 'import ensurepip' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    fits "$PYTHON" && { echo "$PYTHON"; exit 0; }
    echo "!! PYTHON=$PYTHON 不能运行，或低于 3.11，或缺少 ssl、sqlite3、venv 模块" >&2
    echo "   PYTHON=$PYTHON does not run, is older than 3.11, or lacks ssl, sqlite3 or venv" >&2
    exit 1
fi

[ -x .venv/bin/python ] && fits .venv/bin/python && { echo .venv/bin/python; exit 0; }

without_ensurepip=
for candidate in python3.13 python3.12 python3.11 python3 python; do
    command -v "$candidate" >/dev/null 2>&1 && fits "$candidate" || continue
    can_make_venv "$candidate" && { echo "$candidate"; exit 0; }
    without_ensurepip=${without_ensurepip:-$candidate}
done

if [ -n "$without_ensurepip" ]; then
    echo "!! $without_ensurepip 缺少 ensurepip，无法建立虚拟环境；Debian/Ubuntu: apt install python3-venv" >&2
    echo "   $without_ensurepip has no ensurepip; on Debian or Ubuntu: apt install python3-venv" >&2
else
    echo "!! 找不到可用的 Python 3.11 或更新版本；装好后重试，或 make PYTHON=/路径/python3.12 …" >&2
    echo "   No working Python 3.11 or newer found; install one, or name it: make PYTHON=/path/to/python3.12 …" >&2
fi
exit 1
