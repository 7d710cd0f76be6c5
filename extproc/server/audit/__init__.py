"""The audit record as it is written: a thread, the files, and the services that take its lines."""
