"""The worker's handler from its import to the end of its first message: prints wall and CPU seconds as JSON."""

import json
import sys
import time

BEGUN = time.perf_counter()


class Context:
    """An invocation with two minutes left."""

    log_stream_name = "cold"

    def get_remaining_time_in_millis(self) -> int:
        """Return two minutes."""
        return 120_000


def main() -> None:
    """Answer the batch on standard input."""
    from autocloudops.entrypoints.lambda_handler import handler  # noqa: PLC0415 - the import is what is measured

    answer = handler(json.load(sys.stdin), Context())
    took = time.perf_counter() - BEGUN, time.process_time()
    assert answer == {"batchItemFailures": []}, answer
    print(json.dumps(took))
    handler.close()


if __name__ == "__main__":
    main()
