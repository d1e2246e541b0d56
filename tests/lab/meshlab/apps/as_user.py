"""`as_user.py UID PROGRAM ARGUMENT...`: run a program as another user.

The program is opened while still root and executed through its descriptor, so it may be kept where
that user may not look.
"""

from __future__ import annotations

import os
import sys

uid = int(sys.argv[1])
program = os.open(sys.argv[2], os.O_RDONLY | os.O_CLOEXEC)
os.setgroups([])
os.setgid(uid)
os.setuid(uid)
os.execve(program, sys.argv[2:], {})  # noqa: S606 - the point of this file
