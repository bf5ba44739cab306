"""The `vhtwin` command: reads the words, runs the verb, turns failures into sentences and exit codes."""

import argparse
import os
import sys
from collections.abc import Sequence

from data.errors import FetchError, InputError

EXIT_CODES = """exit codes:
  0    done
  1    a defect of vhtwin: please report the trace
  2    the command line itself is wrong
  3    an input (file, folder, option value) is not as it must be
  4    a download failed
  130  interrupted; every file is whole, and what can be continued says how
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that `words` (by default the process's own) name; return its exit code."""
    set_one_thread()
    from fl_server.cli.doctor import refuse_strangers

    try:
        refuse_strangers()
        arguments = _parser().parse_args(words)
        code: int = arguments.run(arguments)
    except InputError as error:
        return _told(error, 3)
    except FetchError as error:
        return _told(error, 4)
    except KeyboardInterrupt:
        return _told("interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def set_one_thread() -> None:
    """Keep numerical libraries to one thread: small products lose a factor of ten to spinning threads."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")  # read when numpy and torch are first imported, which is later


def _parser() -> argparse.ArgumentParser:
    from fl_server.cli import data_verbs, doctor, forecast

    parser = argparse.ArgumentParser(
        prog="vhtwin",
        description="Build, keep in step and use digital twins of a cellular network.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    data_verbs.add_parser(verbs)
    forecast.add_parser(verbs)
    doctor.add_parser(verbs)
    return parser


def _told(error: object, code: int) -> int:
    print(f"vhtwin: {error}", file=sys.stderr)  # noqa: T201 - this is how a failure reaches the person
    return code


if __name__ == "__main__":
    sys.exit(main())
