"""The compiler behind ``torch.compile``: whether it works here, and where its code is kept.

The code is kept in the cache of dagen (``$DAGEN_CACHE``), in PyTorch's own format. It is made for
one processor, and PyTorch's keys do not say which, so that each kind of processor has a folder.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from dagen.datasets.loading.cache import compiled_folder
from dagen.errors import DagenError, short
from dagen.system.device import instructions
from dagen.system.files import make_folder

FOLDER = "TORCHINDUCTOR_CACHE_DIR"
"""PyTorch's environment variable of the folder of compiled code; it is kept if it is set."""


def require_compiler(device: torch.device) -> None:
    """Compile something small on ``device``, before a run begins.

    Raises:
        DagenError: there is no working compiler, or no folder for its results.
    """
    keep_code()
    with explained("a network"):
        if device.type == "cpu":  # not only if the small thing is not in the cache yet
            from torch._inductor.cpp_builder import get_cpp_compiler

            get_cpp_compiler()
        torch.compile(_small, fullgraph=True)(torch.ones(8, device=device))


def keep_code() -> None:
    """Let PyTorch keep its code in dagen's cache, unless it has a folder already.

    Raises:
        DagenError: the folder cannot be made.
    """
    own = compiled_folder() / instructions(torch.get_num_threads())
    make_folder(Path(os.environ.setdefault(FOLDER, str(own))))
    # It tells of a missing CUDA runtime on machines that were never meant to have one.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)


def _small(x: Tensor) -> Tensor:
    return x.sin() + 1


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn an error of the compiler inside the block into one line.

    Args:
        what: what is compiled.

    Raises:
        DagenError: it cannot be compiled, or there is no working compiler.
    """
    from torch._dynamo.exc import FailOnRecompileLimitHit, TorchDynamoException
    from torch._inductor.exc import CppCompileError, InvalidCxxCompiler

    try:
        yield
    except InvalidCxxCompiler:
        raise _no_compiler() from None
    except (TorchDynamoException, FailOnRecompileLimitHit, CppCompileError) as error:
        if "InvalidCxxCompiler" in str(error):
            raise _no_compiler() from None
        reason = " ".join(line.strip() for line in str(error).splitlines()[:2])
        raise DagenError(
            f"{what} cannot be compiled here ({short(reason, 300)}). Leave compile out."
        ) from error


def _no_compiler() -> DagenError:
    return DagenError(
        "compile needs a C++ compiler, and there is none on PATH or in $CXX. Install g++ "
        "(apt-get install g++), or leave compile out."
    )
