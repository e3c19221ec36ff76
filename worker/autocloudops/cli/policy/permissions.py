"""`policy permissions`: the IAM policy of a worker that acts."""

from autocloudops.actions.policy import ActingPlace, document, grants
from autocloudops.cli.output import Output, print_json, print_rows

COLUMNS = ("sid", "actions", "resources")


def print_permissions(place: ActingPlace, output: Output) -> None:
    """Print what a worker needs beside the permissions of evidence: as JSON the document, else a line a statement."""
    if output is Output.JSON:
        print_json(document(place))
        return
    rows = [
        {"sid": each.sid, "actions": ", ".join(each.actions), "resources": ", ".join(each.resources)}
        for each in grants(place)
    ]
    print_rows(output, rows, COLUMNS)
