"""Tests of operating the network on its twins."""
