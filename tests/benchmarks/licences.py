"""The licences of all that `.lock.txt` names, as the installed packages tell them.

python -m tests.benchmarks.licences    writes fl_server/LICENCES.md
"""

import re
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "fl_server" / "LICENCES.md"
ABOUT = """# Licences of what vhtwin is built on

What `.lock.txt` names, by the metadata of the packages as they are installed; torch is installed beside it.
`python -m tests.benchmarks.licences` makes this page, and a test holds it to the lock.

"""
PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|Unlicense|CC0|HPND|Zlib|Public Domain",
    re.IGNORECASE,
)
FORBIDDEN = re.compile(r"(?<!L)\bA?GPL", re.IGNORECASE)
CLASSIFIER = "License :: OSI Approved :: "


def locked() -> dict[str, str]:
    """The versions that the lock names, by package."""
    lines = (ROOT / ".lock.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {name.strip(): version.split(";")[0].strip() for name, version in pairs}


def licence_of(name: str) -> str:
    """What an installed package says of its licence, in a few words; nothing if it says nothing."""
    about = metadata.metadata(name)
    told = (about.get_all("License-Expression") or [""])[0]
    classified = about.get_all("Classifier") or ()
    listed = [each.removeprefix(CLASSIFIER) for each in classified if CLASSIFIER in each]
    free = (about.get_all("License") or [""])[0].strip().splitlines()
    return told or ", ".join(listed) or (free[0][:60] if free else "")


def installed(names: dict[str, str]) -> dict[str, str]:
    """The licences of those packages that are installed."""
    found = {}
    for name in sorted(names, key=str.lower):
        try:
            found[name] = licence_of(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def page(licences: dict[str, str], versions: dict[str, str]) -> str:
    """The page: one line a package."""
    lines = [f"| {name} | {versions[name]} | {licences[name]} |" for name in licences]
    return ABOUT + "| package | version | licence |\n|---|---|---|\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    versions = locked()
    PAGE.write_text(page(installed(versions), versions))
