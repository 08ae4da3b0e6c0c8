#!/usr/bin/env python
"""Command-line entry point; development unless FEIQINGSONG_ENV or the settings say otherwise."""

import os
import sys

from feiqingsong import environment


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "feiqingsong.settings")
    environment.decide(default=environment.DEVELOPMENT)
    from feiqingsong.management.utility import Manage

    Manage(sys.argv).execute()


if __name__ == "__main__":
    main()
