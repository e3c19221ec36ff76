"""A storm of alarms whose causes are known: made from a seed, sent to real workers, and measured in pairs."""
