"""ext_proc as values: messages in, effects out, and the table of what may follow what."""
