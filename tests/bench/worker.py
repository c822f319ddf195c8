"""One measurement in a process of its own: `python -m tests.bench.worker NAME JSON`, answers with JSON."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from tests.bench.spending import peak_mib

Measurement = Callable[[Mapping[str, Any]], dict[str, Any]]


def measurement(name: str) -> Measurement:
    """The function of that name. Each imports only what it measures."""
    match name:
        case "ours" | "check":
            from tests.bench import ours

            return ours.run if name == "ours" else ours.check
        case "bare" | "sdk_best" | "sdk_default":
            from tests.bench import rivals

            found: Measurement = getattr(rivals, name)
            return found
        case "dict_reader":
            from tests.bench import reading

            return reading.dict_reader
        case "slots":
            from tests.bench import slots

            return slots.measure_use
        case "claims":
            from tests.bench import workers

            return workers.claim_and_close
        case _:
            raise SystemExit(f"no measurement is called {name}")


if __name__ == "__main__":
    measured = measurement(sys.argv[1])(json.loads(sys.argv[2]))
    sys.stdout.write(json.dumps({**measured, "peak_mib": peak_mib()}) + "\n")
