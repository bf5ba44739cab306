"""Tests of bs_client."""
