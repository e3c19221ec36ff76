"""`demo`: bundled alarms, a real worker process, stand-ins for AWS and the model, and a check of what came out."""
