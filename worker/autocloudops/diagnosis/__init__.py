"""Evidence and offers in, `Diagnosis` out: prompt, schema, endpoint port, reply. Pure."""
