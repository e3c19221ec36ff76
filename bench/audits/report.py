"""The tables of the bench, and what must hold."""

from collections.abc import Sequence

from bench.audits.history import RECORDS_PER_INCIDENT
from bench.audits.writing import Written
from bench.storms.bounds import Bound
from rich.table import Table

MOST_BYTES = 1.15
"""Of the objects, for each byte that `gzip -6` makes of all their lines together."""
PRICE_DATE = "November 2026"
PRICES = (
    f"prices of us-east-1 as known in {PRICE_DATE}, S3 Standard; before you rely on them compare"
    " https://aws.amazon.com/s3/pricing/ and https://aws.amazon.com/kms/pricing/"
)
PER_PUT = 0.005 / 1_000
PER_GB_MONTH = 0.023
PER_KMS_CALL = 0.03 / 10_000
"""US dollars."""
RETAINED_MONTHS = 13
"""400 days, which is what retention is set to where nobody chooses."""
MILLION = 1_000_000
GB = 1_000_000_000


def written(runs: Sequence[Written]) -> Table:
    """Return one row for each run of the writer."""
    first = runs[0]
    each = first.json_bytes / first.records
    title = f"the writer alone, objects in memory: {first.records:,} records, {each:,.0f} bytes of JSON each"
    table = Table("redaction", title=title, title_justify="left")
    columns = ("records an object", "records/s of CPU", "bytes a record", "gzip -6, one file", "ratio")
    for column in columns:
        table.add_column(column, justify="right")
    for run in runs:
        table.add_row(
            "on" if run.redacted else "off",
            f"{run.batch:,}",
            f"{run.records / run.seconds:,.0f}",
            f"{run.object_bytes / run.records:,.0f}",
            f"{run.gzip_bytes / run.records:,.0f}",
            f"{run.ratio:.3f}",
        )
    return table


def costs(runs: Sequence[Written]) -> Table:
    """Return what a million decisions cost, with the alarms that joined them and cleared."""
    title = f"US dollars for a million decisions, {RECORDS_PER_INCIDENT} records each ({PRICE_DATE})"
    table = Table("records an object", title=title, title_justify="left")
    for column in ("PUT", "KMS without a bucket key", "GB", f"storage for {RETAINED_MONTHS} months", "all of it"):
        table.add_column(column, justify="right")
    for run in runs:
        if run.redacted:
            table.add_row(f"{run.batch:,}", *_dollars(run))
    return table


def _dollars(run: Written) -> Sequence[str]:
    scale = MILLION * RECORDS_PER_INCIDENT / run.records
    puts, kms = run.objects * scale * PER_PUT, run.objects * scale * PER_KMS_CALL
    size = run.object_bytes * scale / GB
    storage = size * PER_GB_MONTH * RETAINED_MONTHS
    return f"{puts:,.2f}", f"{kms:,.2f}", f"{size:,.2f}", f"{storage:,.2f}", f"{puts + storage:,.2f}"


def bounds(runs: Sequence[Written], batch: int) -> list[Bound]:
    """Return what must hold where commits are as full as the writer's policy lets them be."""
    return [
        Bound(f"bytes against gzip -6, redaction {'on' if run.redacted else 'off'}", run.ratio, MOST_BYTES)
        for run in runs
        if run.batch == batch
    ]
