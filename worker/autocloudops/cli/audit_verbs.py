"""The verbs of `audit` that prove: every verb with its options, and the module that does it."""
# ruff: noqa: PLC0415 - a verb loads its libraries when it runs, so that `--version` and a usage error cost nothing

from typing import Annotated

import typer

proofs = typer.Typer()

Location = Annotated[
    str | None,
    typer.Option(help="s3://BUCKET or s3://BUCKET/PREFIX, or a folder; else AUTOCLOUDOPS_AUDIT_LOCATION counts."),
]

Former = Annotated[
    list[str] | None,
    typer.Option(
        envvar="AUTOCLOUDOPS_AUDIT_FORMER_KEYS",
        help="What signed before, where the key was changed: PEM files with public keys, or kms://KEY, between commas.",
    ),
]


def _separated(said: list[str] | None) -> tuple[str, ...]:
    return tuple(key.strip() for keys in said or () for key in keys.split(",") if key.strip())


@proofs.command("digest")
def audit_digest(
    context: typer.Context,
    key: Annotated[
        str,
        typer.Option(
            envvar="AUTOCLOUDOPS_AUDIT_DIGEST_KEY",
            help="What signs: kms://KEY with a key's id, ARN or alias, or a PEM file with a private key on P-256.",
        ),
    ],
    former: Former = None,
    hour: Annotated[str | None, typer.Option(help="No hour after this one (UTC), as 2026-11-22T13.")] = None,
    location: Location = None,
) -> None:
    """Sign for every hour that is over and has no digest yet. A schedule runs this under a role of its own."""
    from autocloudops.cli.audit_digest import make_digests
    from autocloudops.cli.audit_verify import hours
    from autocloudops.entrypoints.proving import Keys

    make_digests(location, Keys(key=key, former=_separated(former)), hours(None, hour).until, context.obj)


@proofs.command("verify")
def audit_verify(  # noqa: PLR0913, PLR0917 - typer makes each option of a parameter
    context: typer.Context,
    key: Annotated[
        list[str],
        typer.Option(
            envvar="AUTOCLOUDOPS_AUDIT_DIGEST_KEY",
            help="Whose signatures count: a PEM file with the public key, or kms://KEY; may be given more than once.",
        ),
    ],
    former: Former = None,
    since: Annotated[
        str | None, typer.Option("--from", help="From this day or hour on (UTC), as 2026-11-22 or 2026-11-22T13.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Until this day or hour, inclusive.")] = None,
    days: Annotated[
        int | None, typer.Option(min=1, help="Instead of --from and --to: today and so many days before it.")
    ] = None,
    location: Location = None,
) -> int:
    """Compare the audit with what was signed for, and name what was tampered with; exit 1 where anything was."""
    from autocloudops.cli.audit_verify import hours, verify_audit
    from autocloudops.entrypoints.proving import last_days

    if days and (since or until):
        raise typer.BadParameter("--days stands for itself: leave out --from and --to")
    wanted = last_days(days) if days else hours(since, until)
    return verify_audit(location, wanted, (*key, *_separated(former)), context.obj)


@proofs.command("schema")
def audit_schema() -> None:
    """Print the JSON Schema of one line of the audit."""
    from autocloudops.cli.audit_schema import print_schema

    print_schema()
