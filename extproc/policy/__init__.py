"""The operator's file: its models, and loading it with errors that name the line and the mend."""
