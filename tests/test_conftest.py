import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process runs all of it")
def test_a_files_tests_are_handed_out_together(request: pytest.FixtureRequest) -> None:
    """pytest-xdist writes the group behind the name. Where it does not, every test goes anywhere,
    and what a module makes once is made in each process."""
    assert request.node.nodeid.endswith("@tests/test_conftest.py 1")
