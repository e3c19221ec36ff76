"""The part of a model endpoint that tests of asking do not use."""

from autocloudops.diagnosis.endpoint import EmbeddingRequest, Embeddings, Probe
from autocloudops.errors import EndpointMisconfigured


class ChatOnly:
    """The base of fakes that answer chats and nothing else."""

    name = "fake://model"

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        raise EndpointMisconfigured(self.name, f"cannot embed {len(request.texts)} texts")

    async def probe(self) -> Probe:
        raise EndpointMisconfigured(self.name, "cannot be probed")
