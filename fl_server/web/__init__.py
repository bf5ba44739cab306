"""The control room's window: a REST API over runs, and one page that uses it."""
