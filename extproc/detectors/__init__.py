"""The detectors: what they look for, as data for the rule engine."""
