"""Where incidents are kept: DynamoDB, or memory for one process."""
