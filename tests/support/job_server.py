"""Runs `manage.py run_jobs --once` in a new process for each line read: a point to die at, or none.

Django is loaded once; the answer to a line is the process's exit code.
"""

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import django


def main() -> None:
    django.setup()
    from django.core.management import call_command, get_commands, load_command_class

    load_command_class(get_commands()["run_jobs"], "run_jobs")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run_once(line.strip(), call_command)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _run_once(point: str, call_command: Callable[..., Any]) -> None:
    code = 1
    try:
        os.environ["FAILPOINT_KILL"] = point
        call_command("run_jobs", "--once")
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
