"""The page that runs networks in the browser: ONNX Runtime Web and the networks join the site.

ONNX Runtime Web comes from its npm package when the site is built, and is checked by its digest;
the page loads nothing from elsewhere. Where the package cannot be had, one line says so, and so
does the page.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from dagen.deploy.hub.names import SHIPPED, shipped
from dagen.errors import DagenError
from sitepages.writing import Site

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
"""What the page loads: ONNX Runtime for one thread of a CPU."""
_PAGE = "try-it"
_BODY = "generated/try-it.html"
_WITHOUT = (
    f"<p><strong>This site was built without {PACKAGE}, so nothing runs here.</strong> Build it "
    "again where npm reaches its registry: <code>make docs</code>.</p>\n"
)
HTML = (Path(__file__).parent / "try_it.html").read_text(encoding="utf-8")
"""The page's body; ``{given}`` names its networks."""
_LARGEST = 1_000_000
"""Bytes of a network on the page."""


def write(site: Site, app: Sphinx) -> None:
    """Write the page's body, or in its place a paragraph that says why it is not there."""
    root = Path(app.srcdir).parent
    try:
        runtime = _fetched(root / "build" / f"{PACKAGE}-{VERSION}")
    except (OSError, subprocess.SubprocessError, tarfile.TarError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        print(
            f"docs: the page '{_PAGE}' runs no network: npm cannot fetch {PACKAGE} {VERSION} "
            f"({reason[:120]}); install npm and connect to a network.",
            file=sys.stderr,
        )
        site.write(_BODY, _WITHOUT)
        return
    networks = _networks(Path(app.srcdir))
    given = "".join(f' data-{which}="{path.name}"' for which, path in networks.items())
    site.write(_BODY, HTML.replace("{given}", given))
    app.dagen_try = [*(runtime / name for name in FILES), *networks.values()]  # type: ignore[attr-defined]


def place(app: Sphinx, failure: Exception | None) -> None:
    """Put the runtime and the networks beside the page's script, once the site is built."""
    if failure is None and app.builder.format == "html":
        folder = Path(app.outdir) / "_static" / "try"
        for path in getattr(app, "dagen_try", ()):
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / path.name)


def _networks(docs: Path) -> dict[str, Path]:
    """The networks that the page begins with: the shipped one, and the one before adaptation."""
    found: dict[str, Path] = {}
    if (before := docs / "_static" / "try" / "before.onnx").is_file():
        found["before"] = before
    try:
        found["after"] = shipped()
    except DagenError:
        print(f"docs: {SHIPPED} is not here; the page asks for a network.", file=sys.stderr)
    for path in found.values():
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"{path.name} has more than {_LARGEST:,} bytes")
    return found


def _fetched(folder: Path) -> Path:
    """The folder with the runtime's files, fetched once."""
    if all((folder / name).is_file() for name in FILES):
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise OSError("npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [npm, "pack", f"{PACKAGE}@{VERSION}", "--silent", "--pack-destination", str(folder)],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    archive = folder / f"{PACKAGE}-{VERSION}.tgz"
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        archive.unlink()
        raise ValueError("the package differs from its digest")
    with tarfile.open(archive) as tar:
        for name in FILES:
            member: Any = tar.extractfile(f"package/dist/{name}")
            (folder / name).write_bytes(member.read())
    archive.unlink()
    return folder
