from datetime import date

from virtual_time import run
from word_vectors import MemoryFiles, runbook

from autocloudops.knowledge.front_matter import Asked
from autocloudops.knowledge.library import Library, Shelf, fitting_section

TODAY = date(2026, 3, 1)
ASKED = Asked(alarm="a", owner="sqs-queue/orders", resource_type="sqs:queue", account="1", region="eu-west-1")


def shelf(**files: bytes) -> Shelf:
    """Return the shelf of a library with these files, `.md` added to their names."""
    return run(Library(MemoryFiles({f"{name}.md": body for name, body in files.items()})).shelf())


def test_wrong_files_are_named_and_the_others_are_read() -> None:
    """One wrong file costs itself only; files that are no runbooks are passed over."""
    bodies = {
        "good.md": runbook("Good"),
        "bad.md": b"no front matter",
        "latin.md": b"---\ntitle: a\n---\n\xe9",
        "notes.txt": b"x",
        ".index/vectors": b"x",
        ".git/old.md": runbook("Old"),
    }
    found = run(Library(MemoryFiles(bodies)).shelf())
    assert [each.name for each in found.runbooks] == ["good.md"]
    assert [each.partition(": ")[0] for each in found.problems] == ["bad.md:1", "latin.md:4"]


def test_a_file_that_has_not_changed_is_read_once() -> None:
    """A second look at a library reads what changed."""
    files = MemoryFiles({"a.md": runbook("A"), "b.md": runbook("B")})

    async def looked_twice() -> Shelf:
        library = Library(files)
        await library.shelf()
        files.bodies["b.md"] = runbook("B2")
        return await library.shelf()

    assert [each.title for each in run(looked_twice()).runbooks] == ["A", "B2"]
    assert sorted(files.reads) == ["a.md", "b.md", "b.md"]


def test_equally_specific_runbooks_come_by_name_and_expired_ones_not() -> None:
    """The order never depends on how the library was listed; the day of expiry is the last good one."""
    match = "{owner: sqs-queue/orders}"
    found = shelf(
        b=runbook("B", match=match),
        a=runbook("A", match=match),
        old=runbook("Old", match=match, expires="2026-02-28"),
        last=runbook("Last", match=match, expires="2026-03-01"),
        other=runbook("Other", match="{owner: sqs-queue/other}"),
    )
    assert [each.name for each in found.written_for(ASKED, TODAY)] == ["a.md", "b.md", "last.md"]


def test_words_spell_out_a_match() -> None:
    """A search by words finds what was written for them, if every field of its match is named."""
    found = shelf(
        both=runbook("A", match="{owner: sqs-queue/*, metric: Age*}"), one=runbook("B", match="{metric: Age*}")
    )
    assert [each.name for each in found.named_in("sqs-queue/orders AgeOfOldest", TODAY)] == ["both.md", "one.md"]
    assert [each.name for each in found.named_in("AgeOfOldest", TODAY)] == ["one.md"]


def test_the_section_that_shares_words_is_chosen() -> None:
    """Of a long runbook the part is shown that is about the alarm; without any shared word the first."""
    body = (
        "General advice about the database.\n## Disk\nFree storage of the database.\n## Sessions\nPool of the database."
    )
    [found] = shelf(a=runbook("A", body)).runbooks
    assert fitting_section(found, "FreeStorageSpace of a database").heading == "Disk"
    assert fitting_section(found, "xyz").heading == ""
