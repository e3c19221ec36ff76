"""The parts of `bench/peers.py`: a fast local SQS, the consumers that drain it, and what they cost."""
