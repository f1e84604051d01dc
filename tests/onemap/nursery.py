"""A process that has read the program once and forks a command whenever it is asked.

Started as ``python -m tests.onemap.nursery``. Each line on its standard input is a JSON list: first
the file that the command writes to, then the command's arguments. It answers with the number of the
new process; the process ends on its own or is killed by whoever asked.
"""

from __future__ import annotations

import json
import os
import signal
import sys

from onemap import cli
from onemap.commands import watch  # noqa: F401  (read before, so that no child has to)


def main() -> None:
    """Fork commands until the input ends."""
    # Nobody waits for the children: the system does away with them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        file, *arguments = json.loads(line)
        child = os.fork()
        if child:
            print(child, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        told = os.open(file, os.O_WRONLY)
        os.dup2(told, 1)
        sys.argv = ["onemap", *arguments]
        cli.main()
        os._exit(0)


if __name__ == "__main__":
    main()
