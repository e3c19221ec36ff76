"""The SageMaker endpoint of the model: created, reused, shared, probed and priced."""
