"""What a piece of work takes of the wall clock and of the processors."""

import resource
import time
from collections.abc import Callable


def spend(work: Callable[[], object]) -> dict[str, float]:
    """`seconds` on the wall and `cpu_s`: user and system time of all threads of this process."""
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return {"seconds": seconds, "cpu_s": cpu_s}
