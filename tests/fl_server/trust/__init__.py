"""Tests of fl_server/trust."""
