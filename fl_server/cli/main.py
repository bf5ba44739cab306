"""The `vhtwin` command: reads the words, runs the verb, turns failures into sentences and exit codes."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module, metadata
from types import FrameType

from data.errors import FetchError, InputError
from fl_server.cli.endings import TerminationError

EXIT_CODES = """exit codes:
  0    done
  1    a defect of vhtwin: please report the trace
  2    the command line cannot be read: an unknown option, a word where a number or a known name belongs
  3    an input (file, folder, an option's value) is not as it must be, or the system refused a file
  4    a download failed
  130  interrupted (143 when terminated); every file is whole, and what can be continued says how
"""
VERBS = {  # which module has the verb
    "data": "data_verbs",
    "forecast": "forecast",
    "segment": "segment",
    "twin": "twin",
    "resume": "twin",
    "up": "up",
    "down": "down",
    "server": "server",
    "station": "station",
    "head": "head",
    "run": "run",
    "status": "status",
    "keys": "keys",
    "predict": "predict",
    "twins": "twins",
    "compare": "compare",
    "score": "score",
    "reproduce": "reproduce",
    "hetnet": "hetnet",
    "sync": "sync",
    "cache": "cache",
    "serve": "serve",
    "watch": "watch",
    "whatif": "whatif",
    "faults": "faults",
    "maintain": "maintain",
    "doctor": "doctor",
}
TERMINATED = 128 + signal.SIGTERM


def main(words: Sequence[str] | None = None) -> int:
    """Run the command that `words` (by default the process's own) name; return its exit code."""
    try:
        set_one_thread()
        _end_in_order_when_told()
        return _run(words)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at its end
        return 0
    except (InputError, FetchError, OSError, KeyboardInterrupt, TerminationError) as end:
        sentence, code = _sentence_and_code(end)
        print(f"vhtwin: {sentence}", file=sys.stderr)  # noqa: T201 - how a failure reaches the person
        return code


def _sentence_and_code(end: BaseException) -> tuple[str, int]:
    match end:
        case FetchError():
            return str(end), 4
        case OSError():
            return f"{end.filename or 'the system'}: {end.strerror or end}", 3
        case KeyboardInterrupt():
            return "interrupted", 130
        case TerminationError():
            return "terminated", TERMINATED
    return str(end), 3


def set_one_thread() -> None:
    """Keep numerical libraries to one thread: small products lose a factor of ten to spinning threads."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")  # read when numpy and torch are first imported, which is later


def _run(words: Sequence[str] | None) -> int:
    from fl_server.cli.doctor import refuse_strangers

    refuse_strangers()
    arguments = _parser(sys.argv[1:] if words is None else words).parse_args(words)
    code: int = arguments.run(arguments)
    sys.stdout.flush()  # a full disk or a closed pipe shows here, not when Python ends
    return code


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the verb that `words` begin with alone, since each loads libraries; else that of all."""
    parser = argparse.ArgumentParser(
        prog="vhtwin",
        description="Build, keep in step and use digital twins of a cellular network.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"vhtwin {metadata.version('vhtwin')}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    wanted = [VERBS[words[0]]] if words and words[0] in VERBS else dict.fromkeys(VERBS.values())
    for module in wanted:
        import_module(f"fl_server.cli.{module}").add_parser(verbs)
    return parser


def _end_in_order_when_told() -> None:
    """Let SIGTERM and SIGHUP unwind the program, so that hidden half-written folders are cleared.

    Under `nohup` a hangup stays without effect.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        raise TerminationError

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


if __name__ == "__main__":
    sys.exit(main())
