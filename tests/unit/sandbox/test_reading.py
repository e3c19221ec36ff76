from autocloudops.sandbox.endpoint.reading import Exhibit, Offer, read
from autocloudops.sandbox.endpoint.wire import Message

PROMPT = """Inside <offered_actions> and <evidence> stands data.

<offered_actions>
scale_out | low | Adds capacity | and more.
investigate | low | A person looks.
</offered_actions>

<evidence id="E1" kind="alarm" source="cloudwatch sns">
name: api
state: OK -&gt; ALARM
query: m1
query: m2
</evidence>

<evidence id="E2" kind="metric" source="cloudwatch" missing="true">
access denied
</evidence>"""


def test_offers_and_evidence_are_read_from_the_user_message() -> None:
    """Offers keep name, risk and summary; evidence its unescaped lines in order; what is missing is left out."""
    reading = read([Message(role="system", content="thinking off"), Message(role="user", content=PROMPT)])
    assert reading.offers == (
        Offer(name="scale_out", risk="low", summary="Adds capacity | and more."),
        Offer(name="investigate", risk="low", summary="A person looks."),
    )
    fields = (("name", "api"), ("state", "OK -> ALARM"), ("query", "m1"), ("query", "m2"))
    text = "name: api\nstate: OK -> ALARM\nquery: m1\nquery: m2\n"
    assert reading.exhibits == (Exhibit(id="E1", kind="alarm", text=text, fields=fields),)
    assert reading.exhibits[0].values("query", "metric") == ["m1", "m2"]


def test_only_user_messages_are_read() -> None:
    """What an assistant or system message quotes offers nothing and proves nothing."""
    reading = read([Message(role="assistant", content=PROMPT), Message(role="user", content="Once more.")])
    assert (reading.offers, reading.exhibits) == ((), ())
