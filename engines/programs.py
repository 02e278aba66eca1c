"""Finds the programs of engines, or builds them of their Go modules.

What is built is kept in the user's cache, under its version, and is never committed.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import attrs
import platformdirs

CACHE: Final = Path(platformdirs.user_cache_dir("statsd-trio-engines"))
COLLECTOR: Final = Path(__file__).parent / "collector"


class NotHadError(Exception):
    """The program is not there, and could not be built."""


@attrs.frozen
class GoProgram:
    """A program that is one package of a Go module.

    Attributes:
        name: of the program, also on PATH.
        module: of Go; "" for the one beside this file.
        version: of the module.
        package: below the module.
    """

    name: str
    module: str
    version: str
    package: str = "."

    def find(self) -> tuple[Path, str]:
        """Return the program, and what to call its version.

        Raises:
            NotHadError: saying why.
        """
        built = CACHE / "bin" / f"{self.name}-{self.version}"
        if not built.exists():
            on_path = shutil.which(self.name)
            if on_path is not None:
                return Path(on_path), "that on PATH"
            self._build(built)
        return built, self.version

    def _build(self, target: Path) -> None:
        if shutil.which("go") is None:
            raise NotHadError("it is not on PATH, and there is no Go to build it")
        target.parent.mkdir(parents=True, exist_ok=True)
        source = self._fetch() if self.module else COLLECTOR
        environ = {
            **os.environ,
            "CGO_ENABLED": "0",
            "GOWORK": "off",
            "GOFLAGS": "-buildvcs=false" + (" -mod=mod" if self.module else ""),
        }
        print(f"building {self.name} {self.version}; this takes minutes", flush=True)
        command = ["go", "build", "-o", str(target), self.package]
        _run(command, source, environ)

    def _fetch(self) -> Path:
        """Copy the module's source, since Go builds nothing inside of its own cache."""
        copy = CACHE / "src" / f"{self.name}-{self.version}"
        if not copy.exists():
            name = f"{self.module}@{self.version}"
            scratch = CACHE / "scratch"
            scratch.mkdir(parents=True, exist_ok=True)
            _run(["go", "mod", "download", name], scratch, dict(os.environ))
            root = subprocess.check_output(["go", "env", "GOMODCACHE"], text=True)
            # As Go writes capital letters there.
            folder = "".join(f"!{c.lower()}" if c.isupper() else c for c in name)
            # Under another name until it is whole.
            part = copy.with_name(f"{copy.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(Path(root.strip(), folder), part)
            for path in (part, *part.rglob("*")):
                path.chmod(path.stat().st_mode | 0o200)
            part.rename(copy)
        return copy


def _run(command: list[str], folder: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip() or "no words").splitlines()[-1]
        raise NotHadError(f"{' '.join(command[:3])} failed: {last}")
