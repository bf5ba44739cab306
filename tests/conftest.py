"""How all tests run: numerical libraries on one thread, Hypothesis without a clock, the same everywhere."""

from hypothesis import settings

from fl_server.cli.main import set_one_thread

set_one_thread()  # as the command does: spinning threads make small work crawl
settings.register_profile("project", deadline=None, derandomize=True)  # machines are shared and noisy
settings.load_profile("project")
