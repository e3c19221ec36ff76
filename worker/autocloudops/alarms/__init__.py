"""Wire formats in, `Alarm` out. Pure: no AWS, HTTP or CLI library."""
