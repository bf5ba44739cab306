"""Tests of fl_server.aggregation."""
