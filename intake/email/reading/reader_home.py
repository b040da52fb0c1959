"""Imported by the fork server of the readers, and by nothing else: it leaves the desk's process group.

A signal to the desk's group must not end what readers are forked from. The import warms what every reader needs, so
that a reader that died is replaced in milliseconds.
"""

import os

import intake.email.reading.reader  # noqa: F401 - to have it in memory

if os.getpgid(0) != os.getpid():
    os.setsid()
