"""Twins that can be trusted: poisoned updates and what stops them, twins scored, twins merged."""
