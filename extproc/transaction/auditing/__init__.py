"""The transaction's part in the audit record: what a policy asks of it, and the trail of an exchange."""
