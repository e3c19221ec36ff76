"""Ten alarms in an AWS emulator, everything that is gathered about them, and what that costs."""
