"""Seeded runs whose outcome must not move unnoticed.

`python -m tests.golden.runs` writes the files anew; doing so is a commit of its own that says why.
"""
