"""Numbers in sentences."""


def counted(number: int, what: str) -> str:
    """So many of `what`: "1 station", "2 stations"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
