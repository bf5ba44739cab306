"""`vhtwin doctor`: is this installation whole, and does every package come from one folder?"""

import argparse
import importlib.util
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from data.errors import InputError
from fl_server.cli.report import print_json, print_table, print_text

PACKAGES = ("data", "clustering", "forecasting", "bs_client", "hetnet", "fl_server")
LIBRARIES = ("numpy", "polars", "scipy", "scikit-learn", "numba", "networkx", "torch", "matplotlib")


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `doctor` to the command's verbs."""
    parser = verbs.add_parser("doctor", help="check the installation and say what it stands on")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print where the packages come from and which versions they stand on."""
    packages = {package: str(folder) for package, folder in package_folders().items()}
    versions = {name: metadata.version(name) for name in ("vhtwin", *LIBRARIES)}
    versions["python"] = platform.python_version()
    device = _device()
    if arguments.json:
        print_json({"packages": packages, "versions": versions, "device": device})
    else:
        print_table("packages", ["package", "folder"], list(packages.items()))
        print_table("versions", ["library", "version"], list(versions.items()))
        print_text(f"training runs on: {device or 'the processor; torch finds no CUDA device'}")
        print_text("the installation is whole: every package comes from one folder")
    return 0


def _device() -> str | None:
    """The CUDA device that torch finds, asked in a process of its own."""
    question = "import torch; print(torch.cuda.get_device_name())"
    asked = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or None


def package_folders() -> dict[str, Path]:
    """The folder that each of our packages is imported from."""
    folders = {}
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise InputError(f"the package {package!r} of vhtwin cannot be found; install vhtwin again")
        folders[package] = Path(spec.origin).parent
    return folders


def refuse_strangers() -> None:
    """Refuse to run when one of our package names is taken by somebody else's package."""
    folders = package_folders()
    home = Path(__file__).parents[2]
    for package, folder in folders.items():
        if folder.parent != home:
            raise InputError(
                f"the package {package!r} comes from {folder}, expected {home / package}: "
                f"another distribution has the same name; uninstall it or use a fresh environment"
            )
