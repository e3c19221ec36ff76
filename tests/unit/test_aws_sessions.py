"""What sessions share, and what each has of its own."""

from autocloudops import aws

EVENT = "before-call.sqs.SendMessage"


def test_what_one_session_registers_no_other_hears() -> None:
    """Sessions begin with botocore's handlers; what is registered with one later is its own."""
    heard: list[str] = []
    one, other = aws.session(), aws.session()
    one.register(EVENT, lambda **_: heard.append("one"))
    other.get_component("event_emitter").emit_until_response(EVENT)
    assert heard == []


def test_a_session_has_the_handlers_of_botocore() -> None:
    """A handler that botocore registers for every session is in ours: here, what a bucket's name may be."""
    hooks = aws.session().get_component("event_emitter")
    assert any(hooks._emitter._lookup_cache or hooks._emitter._handlers.prefix_search("before-parameter-build.s3"))  # noqa: SLF001
