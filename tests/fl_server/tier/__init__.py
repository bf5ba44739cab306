"""Tests of cluster heads on machines of their own."""
