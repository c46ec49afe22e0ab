"""Functions of the user's own, from a file or an installed package.

Code runs only because the user named it. The current folder is never searched: a file is
named by its path, a package must be installed or on PYTHONPATH.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from wsol_bench.errors import UsageError, WsolBenchError


@dataclass(frozen=True, slots=True)
class UserFunction:
    """A function that the user named, and where it came from.

    Attributes:
        function: as loaded.
        source: the file's path, for the manifest.
        sha256: of the file.
    """

    function: Callable[..., Any]
    source: str
    sha256: str


def names_user_code(name: str) -> bool:
    """Whether a spec's name is `FILE.py:FUNCTION` or `package.module:FUNCTION`."""
    where, colon, function = name.rpartition(":")
    if not colon or not function.isidentifier():
        return False
    return where.endswith(".py") or all(part.isidentifier() for part in where.split("."))


def load_function(name: str) -> UserFunction:
    """The function of `FILE.py:FUNCTION` or `package.module:FUNCTION`.

    Raises:
        UsageError: the file or module is not there, fails as it is imported, or has no such
            function.
    """
    where, _, function = name.rpartition(":")
    module = _from_file(Path(where).expanduser()) if where.endswith(".py") else _imported(where)
    found = getattr(module, function, None)
    if not callable(found):
        known = [each for each in vars(module) if callable(getattr(module, each))]
        own = [each for each in known if not each.startswith("_")]
        raise UsageError(f"{name}: {where} has no function {function!r}; it has {own}.")
    path = Path(str(module.__file__))
    return UserFunction(found, str(path), sha256(path.read_bytes()).hexdigest())


@contextmanager
def failures_named(name: str) -> Iterator[None]:
    """Turns whatever code that is not ours raises inside into an error that names the code.

    Raises:
        UsageError: the code failed; an error of ours passes, and so does one of too little GPU
            memory, after which the batch is split and tried again.
    """
    import torch

    try:
        yield
    except (WsolBenchError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise UsageError(f"{name}: fails ({type(error).__name__}: {error}).") from error


def _from_file(path: Path) -> Any:
    if not path.is_file():
        raise UsageError(f"{path}: no such file. Expected FILE.py:FUNCTION.")
    path = path.resolve()
    name = f"wsol_bench_user_{sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path}: cannot be imported as Python.")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's own code raises
        del sys.modules[name]
        raise UsageError(f"{path}: fails as it is imported ({_reason(error)}).") from error
    return module


def _imported(where: str) -> Any:
    here = str(Path.cwd())
    searched = sys.path
    try:
        sys.path = [each for each in searched if each not in ("", here)]
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{where}: no such module ({error}). The current folder is not searched: name a file "
            "as FILE.py:FUNCTION, or install the package."
        ) from error
    except Exception as error:  # whatever the user's own code raises
        raise UsageError(f"{where}: fails as it is imported ({_reason(error)}).") from error
    finally:
        sys.path = searched


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
