"""Detectors, the streaming window, and the one place where verdicts become edits."""
