"""Downloading the official files."""
