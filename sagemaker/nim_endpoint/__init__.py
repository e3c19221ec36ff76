"""The SageMaker endpoint of the model: created, reused, probed and priced."""
