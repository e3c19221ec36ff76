"""Which alarms belong together, and who asks about them. Pure: no AWS, HTTP or CLI library."""
