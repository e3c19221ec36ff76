"""A diagnosis, the facts and the policy in, one `Decision` out. Pure."""
