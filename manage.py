#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys

if __name__ == "__main__":
    from django.core.management import execute_from_command_line
    from django.utils.autoreload import DJANGO_AUTORELOAD_ENV

    from chatsite import start

    if DJANGO_AUTORELOAD_ENV not in os.environ:  # else the code has changed: Django waits until it is right again
        start.load_settings()
    execute_from_command_line(sys.argv)
