"""The raw files of Milan and Trentino, converted to a set."""
