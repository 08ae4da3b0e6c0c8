#!/usr/bin/env python
"""Command-line entry point; development settings unless FEIQINGSONG_ENV says otherwise."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "feiqingsong.settings")
    os.environ.setdefault("FEIQINGSONG_DEFAULT_ENV", "development")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
