"""Budgets: what each subject may take in a window, reserved by an estimate and settled by what it was."""
