"""Tests on real processes, as an operator starts them."""
