"""State of budgets in Redis or Valkey, which the workers of all hosts share."""
