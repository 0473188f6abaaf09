"""Runs a command and writes down what it took: `python measured.py FILE TIMEOUT COMMAND...`.

A small process of its own, because Linux counts the memory of a process also as that of those which it starts.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    """Run the command, with the input, output and environment of this; kill it after so many seconds."""
    report, timeout, command = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    began = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, timeout)
    _, status, usage = os.wait4(child, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    took = {"seconds": time.perf_counter() - began, "peak_mib": usage.ru_maxrss / 1024}
    report.write_text(json.dumps({**took, "code": os.waitstatus_to_exitcode(status)}))


if __name__ == "__main__":
    main()
