"""Metrics and the exchange log, as data that workers hand to the supervisor."""
