"""The base of every noun: an immutable, validated value."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen model. Unknown fields are ignored, so that a value which a newer version stored can still be read.

    What validates a model is built when the first of its values is: a process uses few of the models that it imports.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)
