"""Stations in other processes and on other machines, over Flower."""
