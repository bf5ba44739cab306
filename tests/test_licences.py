"""What vhtwin is built on may be used by anybody, and the page that says so is that of the lock."""

import pytest

from tests.benchmarks.licences import FORBIDDEN, PAGE, PERMISSIVE, installed, locked

VERSIONS = locked()
ROWS = {
    cells[1].strip(): (cells[2].strip(), cells[3].strip())
    for line in PAGE.read_text().splitlines()
    if line.startswith("| ") and len(cells := line.split("|")) == 5 and cells[1].strip() != "package"
}


def test_the_page_names_what_the_lock_names() -> None:
    missing = sorted(set(VERSIONS) - set(ROWS))
    assert missing == []
    assert {name: version for name, (version, _) in ROWS.items()} == VERSIONS


def test_the_page_says_what_the_installed_packages_say() -> None:
    found = installed(VERSIONS)
    assert len(found) > 50
    assert {name: ROWS[name][1] for name in found} == found


@pytest.mark.parametrize("name", ROWS)
def test_a_licence_is_permissive(name: str) -> None:
    licence = ROWS[name][1]
    assert PERMISSIVE.search(licence), licence
    assert not FORBIDDEN.search(licence), licence
