"""The `vhtwin` command, one module a verb."""
