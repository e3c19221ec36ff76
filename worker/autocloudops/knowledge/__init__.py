"""What is known about an incident besides its alarms: read in AWS, in the state table, and in a team's runbooks."""
