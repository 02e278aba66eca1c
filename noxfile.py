#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox[uv]"]
# ///
"""Every check of this project: `nox` runs those that a change must pass."""

import base64
import gzip
import hashlib
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import nox

PROJECT: Final = nox.project.load_toml("pyproject.toml")
SUPPORTED: Final = nox.project.python_versions(PROJECT)
EXTRAS: Final = ",".join(PROJECT["project"]["optional-dependencies"])

# Two, which is what small machines have. A worker that is done takes over half of
# what another has left.
WORKERS: Final = ("-n", "2", "--dist=worksteal")

# trio-typing's plugin needs mypy 1.10, which knows no later Python well.
TRIO_TYPING_PYTHON: Final = "3.11"

# 110 takes slices of work with a checkpoint between them for a busy wait (ruff looks
# for those that sleep); 124 asks that what awaits nothing be no async function, but
# a seam is async for its callers, fakes of it too; 91x ask for a checkpoint on every
# path, even where nothing waits.
ASYNC_RULES_LEFT_OUT: Final = "ASYNC110,ASYNC124,ASYNC910,ASYNC911,ASYNC912,ASYNC913"

NATIVE: Final = Path("native").resolve()
# Where an editable installation finds it; one file serves every Python.
NATIVE_MODULE: Final = Path("src/statsd_trio/_native.abi3.so").resolve()

# What the page of `statsd-trio dev` is made with; its list says which versions.
PAGE: Final = Path("src/statsd_trio/dev/page")
VENDOR: Final = PAGE / "vendor"
PAGE_TOOLS: Final = ("eslint@^9", "prettier@^3")

PROTOS: Final = (
    Path("src/statsd_trio/replay/dog_record.proto"),
    Path("src/statsd_trio/sinks/datadog/agent_payload.proto"),
)


def _list_interpreters(version: str) -> Iterator[Path]:
    name = f"python{version}"
    # pyenv's shims stand on PATH for versions that it was not told to use, and
    # fail when run: the real ones are looked for beside them.
    for root in (os.environ.get("PYENV_ROOT"), "~/.pyenv"):
        if root:
            yield from Path(root).expanduser().glob(f"versions/{version}.*/bin/{name}")
    for folder in os.get_exec_path():
        yield Path(folder, name)
    uv_pythons = os.environ.get("UV_PYTHON_INSTALL_DIR", "~/.local/share/uv/python")
    yield from Path(uv_pythons).expanduser().glob(f"*/bin/{name}")


def _runs(interpreter: Path, version: str) -> bool:
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run(  # noqa: S603 - our own list of interpreters
            [interpreter, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.stdout.strip() == version


def _find_pythons() -> dict[str, Path]:
    """Find an interpreter for each supported version that this machine has."""
    running = "{}.{}".format(*sys.version_info[:2])
    found: dict[str, Path] = {}
    for version in SUPPORTED:
        if version == running:
            found[version] = Path(sys.executable)
            continue
        for interpreter in _list_interpreters(version):
            if interpreter.exists() and _runs(interpreter, version):
                found[version] = interpreter
                break
    return found or {running: Path(sys.executable)}


PYTHONS: Final = _find_pythons()
# nox looks for interpreters on PATH, where a shim may hide them.
os.environ["PATH"] = os.pathsep.join(
    [
        *(
            str(path.parent)
            for path in PYTHONS.values()
            if path != Path(sys.executable)
        ),
        os.environ["PATH"],
    ]
)
os.environ["UV_PYTHON_DOWNLOADS"] = "never"
# The native engine is built once, by `_build_native`, not by each installation.
os.environ["STATSD_TRIO_BUILD_NATIVE"] = "0"

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
# What was found must run.
nox.options.error_on_missing_interpreters = True
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = [
    "lint",
    "types",
    "types_trio_typing",
    "native",
    "docs",
    "docs_examples",
    "example",
    "example_tests",
    "tests",
]


def _install(
    session: nox.Session,
    *groups: str,
    project: tuple[str, ...] = (f"-e.[{EXTRAS}]",),
) -> None:
    """Install *project*, editable by default, and *groups*, in the locked versions.

    The lock goes in as constraints: that works with any index, and without uv
    (then the newest versions are taken).
    """
    chosen = [f"--group={group}" for group in groups]
    # Not in session.create_tmp(), which becomes TMPDIR: in a folder so deep, the
    # tests' Unix sockets would have longer names than the system allows.
    constraints = Path(session.virtualenv.location, "constraints.txt").resolve()
    if session.venv_backend == "uv":
        session.run_install(
            "uv",
            "export",
            "--quiet",
            "--frozen",
            "--no-hashes",
            "--no-emit-project",
            "--no-default-groups",
            "--all-extras",
            *chosen,
            f"--output-file={constraints}",
            external=True,
        )
    else:
        constraints.write_text("")
    session.install(*project, *chosen, f"--constraint={constraints}")


_native_builds: Final[list[Path]] = []


def _build_native(session: nox.Session) -> None:
    """Build the native engine, once for all sessions, where Rust is at hand."""
    if _native_builds:
        return
    if not shutil.which("cargo"):
        session.warn("Rust is not on this machine: the native engine is left out")
        NATIVE_MODULE.unlink(missing_ok=True)
        return
    if sys.platform == "win32":
        session.warn("nox does not build the native engine on Windows: `pip` does")
        return
    began = time.monotonic()
    session.run_install(
        "cargo",
        "build",
        "--quiet",
        "--release",
        "--locked",
        f"--manifest-path={NATIVE / 'Cargo.toml'}",
        # One interpreter for all, else each would build its bindings anew.
        env={"PYO3_BUILD_EXTENSION_MODULE": "1", "PYO3_PYTHON": sys.executable},
        external=True,
    )
    built = NATIVE / "target" / "release" / f"lib_native{_LIBRARY_SUFFIX}"
    # Replaced as a whole: another process may be running the old one.
    fresh = NATIVE_MODULE.with_suffix(".fresh")
    shutil.copy2(built, fresh)
    fresh.replace(NATIVE_MODULE)
    _native_builds.append(NATIVE_MODULE)
    session.log("built the native engine in %.1f s", time.monotonic() - began)


_LIBRARY_SUFFIX: Final = ".dylib" if sys.platform == "darwin" else ".so"


@nox.session(python=list(PYTHONS))
def tests(session: nox.Session) -> None:
    """Run the tests on every supported Python that this machine has."""
    session.log("Pythons found: %s", ", ".join(PYTHONS))
    for version in sorted(set(SUPPORTED) - set(PYTHONS)):
        session.warn("Python %s is not on this machine", version)
    _install(session, "test")
    _build_native(session)
    env = {"NODE_PATH": str(_install_node_clients(session))}
    if session.posargs:
        session.run("pytest", *session.posargs, env=env)
        return
    # Coverage is the same on every Python, and costs time.
    measured = ["--cov"] if session.python == next(iter(PYTHONS)) else []
    session.run("pytest", *WORKERS, *measured, env=env)


def _install_node_clients(session: nox.Session) -> Path:
    """Install the clients of other languages that tests use, where npm is there.

    Without them those tests are skipped, and say why.
    """
    folder = Path(".nox", "node").resolve()
    modules = folder / "node_modules"
    if shutil.which("npm") and not modules.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        session.run(
            "npm",
            "install",
            "--silent",
            f"--prefix={folder}",
            "hot-shots@^17",
            external=True,
            success_codes=range(256),
        )
    return modules


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, style, Trio's traps, the import contracts and spelling."""
    if session.venv_backend == "uv":
        # Offline: a lock that is in step needs no index to say so.
        session.run_install("uv", "lock", "--check", "--offline", external=True)
    _install(session, "lint")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run(
        "flake8-async",
        "--enable=ASYNC",
        f"--disable={ASYNC_RULES_LEFT_OUT}",
        *_list_async_sources(),
    )
    session.run("lint-imports")
    session.run("codespell")
    # The workflows of GitHub.
    session.run("zizmor", "--offline", "--quiet", ".github")
    _check_vendored(session)
    _lint_page(session)


def _lint_page(session: nox.Session) -> None:
    """Check the page of `statsd-trio dev` with prettier and eslint, where npm is."""
    tools = Path(".nox", "page-tools").resolve()
    programs = tools / "node_modules" / ".bin"
    if not shutil.which("npm"):
        session.warn("npm is not on this machine: the page is not linted")
        return
    if not (programs / "eslint").exists():
        session.run_install(
            "npm",
            "install",
            "--silent",
            f"--prefix={tools}",
            *PAGE_TOOLS,
            external=True,
            success_codes=range(256),
        )
    if not (programs / "eslint").exists():
        session.warn("npm could not fetch prettier and eslint: the page is not linted")
        return
    sources = [
        str(path)
        for path in sorted(PAGE.rglob("*"))
        if path.suffix in {".css", ".html", ".js"} and VENDOR not in path.parents
    ]
    wanted = "--write" if "--write" in session.posargs else "--check"
    session.run(
        str(programs / "prettier"), wanted, "--log-level=warn", *sources, external=True
    )
    session.run(str(programs / "eslint"), str(PAGE), external=True)


def _list_async_sources() -> list[str]:
    # Reading a file takes flake8-async up to a second.
    return sorted(
        str(path)
        for folder in ("src", "tests", "examples", "benchmarks", "attacks")
        for path in Path(folder).rglob("*.py")
        if re.search(r"\basync\b|\btrio\.", path.read_text(encoding="utf-8"))
    )


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy and pyright, and those of users' programs, too."""
    _install(session, "types", "examples")
    session.run("mypy")
    session.run("pyright", env={"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"})


@nox.session(python=[v for v in PYTHONS if v == TRIO_TYPING_PYTHON])
def types_trio_typing(session: nox.Session) -> None:
    """Check a user's program as someone who still has trio-typing sees it.

    Nowhere else: merely installed, its stubs hide the types that trio itself
    has had since 0.23, and its plugin crashes with mypy 1.11 and later.
    """
    dist = Path(session.virtualenv.location, "dist").resolve()
    shutil.rmtree(dist, ignore_errors=True)
    session.install("build", *PROJECT["build-system"]["requires"])
    session.run("python", "-m", "build", "--no-isolation", f"--outdir={dist}")
    (wheel,) = dist.glob("*.whl")
    _install(session, "trio-typing", project=("--force-reinstall", str(wheel)))
    session.run("mypy", "--config-file=tests/typing/trio_typing.ini")


@nox.session(default=False)
def protos(session: nox.Session) -> None:
    """Write the protobuf modules anew; `-- --check` only tells if it is stale."""
    _install(session, "protos", project=())
    is_check = "--check" in session.posargs
    target = Path(session.virtualenv.location if is_check else "src").resolve()
    session.run(
        "python",
        "-m",
        "grpc_tools.protoc",
        "--proto_path=src",
        f"--python_out={target}",
        f"--mypy_out={target}",
        *map(str, PROTOS),
    )
    if not is_check:
        return
    for proto, suffix in itertools.product(PROTOS, ("_pb2.py", "_pb2.pyi")):
        module = proto.with_name(proto.stem + suffix)
        fresh = target / module.relative_to("src")
        if fresh.read_bytes() != module.read_bytes():
            session.error(f"{module} is stale: run `nox -s protos`")


@nox.session(default=False)
def browser(session: nox.Session) -> None:
    """Drive Chromium over the page; `-- --screenshots` takes those of the docs."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        session.skip("there is no Chromium; on Debian: apt-get install chromium")
    _install(session, "browser")
    _build_native(session)
    env = {"CHROMIUM": found}
    if "--screenshots" in session.posargs:
        session.run("python", "tests/browser/screenshots.py", found)
        return
    session.run("pytest", "tests/browser", *session.posargs, env=env)


@nox.session(default=False, venv_backend="none")
def vendor(session: nox.Session) -> None:
    """Fetch the page's libraries anew; `-- --check` only tells if one was changed.

    vendored.json names each package with its version and the hash that npm gives
    for it; a fetched package that has another one is refused.
    """
    if "--check" in session.posargs:
        _check_vendored(session)
        return
    for package in _list_vendored():
        with tempfile.TemporaryDirectory() as folder:
            named = f"{package['name']}@{package['version']}"
            session.run(
                "npm", "pack", "--silent", f"--pack-destination={folder}", named
            )
            (archive,) = Path(folder).glob("*.tgz")
            content = archive.read_bytes()
            digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
            if f"sha512-{digest}" != package["integrity"]:
                session.error(f"{named} is not what vendored.json names: {digest}")
            with tarfile.open(archive) as members:
                for source, file in package["files"].items():
                    member = members.extractfile(f"package/{source}")
                    if member is None:
                        session.error(f"{named} has no file {source}")
                    (VENDOR / file["name"]).write_bytes(member.read())
    _check_vendored(session)


def _list_vendored() -> list[dict[str, Any]]:
    packages: list[dict[str, Any]]
    packages = json.loads((VENDOR / "vendored.json").read_text())["packages"]
    return packages


def _check_vendored(session: nox.Session) -> None:
    expected = {
        file["name"]: file["sha256"]
        for package in _list_vendored()
        for file in package["files"].values()
    }
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.name != "vendored.json"
    }
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            session.error(
                f"{VENDOR / name} is not what vendored.json lists: "
                f"its hash is {found.get(name)}; run `nox -s vendor`"
            )


@nox.session
def example(session: nox.Session) -> None:
    """Send a small web shop's metrics through the server to a mock intake."""
    _install(session, "test")
    session.run("python", "examples/forward_to_mock_intake.py", *session.posargs)


@nox.session
def example_tests(session: nox.Session) -> None:
    """Test the instrumented programs under examples/, alone and in four workers."""
    _install(session, "examples")
    session.run("pytest", "examples", *session.posargs)
    session.run("pytest", "examples", "-p", "randomly", "-n", "4", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Run the benchmarks, or those named: `nox -s bench -- burst --runs 10`."""
    _install(session, "bench", "test")
    _build_native(session)
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def native(session: nox.Session) -> None:
    """Check the native engine: format, clippy, its own tests, a minute of fuzzing.

    `-- 600` fuzzes for ten minutes, `-- 0` not at all.
    """
    if not shutil.which("cargo"):
        session.skip("Rust is not on this machine")
    seconds = session.posargs[0] if session.posargs else "60"
    _build_native(session)
    with session.chdir(NATIVE):
        session.run("cargo", "fmt", "--check", external=True)
        for features in ("--all-features", "--no-default-features"):
            session.run(
                "cargo",
                "clippy",
                "--quiet",
                "--locked",
                "--all-targets",
                features,
                "--",
                "--deny=warnings",
                env={"PYO3_BUILD_EXTENSION_MODULE": "1"},
                external=True,
            )
        # Without Python, whose library need not be there to link with.
        session.run(
            "cargo",
            "test",
            "--quiet",
            "--locked",
            "--no-default-features",
            env={"PYO3_BUILD_EXTENSION_MODULE": "1"},
            external=True,
        )
        if seconds != "0":
            _fuzz(session, seconds)


def _fuzz(session: nox.Session, seconds: str) -> None:
    """Feed any bytes to the engine, under the address sanitizer."""
    toolchains = session.run("rustup", "toolchain", "list", external=True, silent=True)
    if "nightly" not in str(toolchains):
        session.warn("not fuzzed: that needs a nightly toolchain of Rust, by rustup")
        return
    if not shutil.which("cargo-fuzz"):
        session.run(
            "cargo", "install", "--quiet", "--locked", "cargo-fuzz", external=True
        )
    Path("fuzz/corpus/take").mkdir(parents=True, exist_ok=True)
    session.run(
        "cargo",
        "+nightly",
        "fuzz",
        "run",
        "take",
        "fuzz/corpus/take",
        "fuzz/seeds",
        "--",
        f"-max_total_time={seconds}",
        "-max_len=4096",
        "-print_final_stats=1",
        external=True,
    )


@nox.session(default=False)
def wheel(session: nox.Session) -> None:
    """Build the wheel as a release would, with the native engine, and check it."""
    _install(session, "release", project=())
    dist = Path(session.virtualenv.location, "dist").resolve()
    _check_distributions(session, *_build_distributions(session, Path.cwd(), dist))


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Build a release from a clean clone, twice, and check all that is in it.

    What is built is left in dist/. `-- --publish` turns what a published release
    must not have, such as addresses that are not set, from warnings into errors.
    """
    if not shutil.which("cargo"):
        session.skip("Rust is not on this machine, and a release has its engine")
    _install(session, "release", project=())
    complain = session.error if "--publish" in session.posargs else session.warn
    if session.run("git", "status", "--porcelain", external=True, silent=True):
        complain("what is not committed is not in the release")
    dist = Path("dist").resolve()
    session.run("rustc", "--version", external=True)
    built: dict[Path, str] = {}
    for folder in (dist, Path(session.virtualenv.location, "again").resolve()):
        with tempfile.TemporaryDirectory() as clone:
            session.run("git", "clone", "--quiet", ".", clone, external=True)
            files = _build_distributions(session, Path(clone), folder)
        built |= {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    for path, digest in built.items():
        session.log("%s  %s", digest, path)
    if len(set(built.values())) * 2 != len(built):
        session.error("the second build is not, byte for byte, the first")
    sdist, repaired = (path for path in built if path.parent == dist)
    _check_distributions(session, sdist, repaired)
    _check_is_whole(session, sdist)
    session.run("towncrier", "build", "--draft", f"--version={_VERSION}")
    if any(".invalid/" in url for url in PROJECT["project"]["urls"].values()):
        complain("pyproject.toml still has placeholders under [project.urls]")
    if f"## {_VERSION} (" not in Path("CHANGELOG.md").read_text():
        complain(f"CHANGELOG.md has no {_VERSION}: `towncrier build --yes` writes it")


_VERSION: Final = PROJECT["project"]["version"]


def _build_distributions(
    session: nox.Session, source: Path, dist: Path
) -> tuple[Path, Path]:
    """Build the source distribution and, from it, the wheel for old Linuxes.

    The same commit and tools give the same bytes: every time in them is that of the
    commit, and no path of this machine is in them.
    """
    os.umask(0o022)  # modes of files are in an archive too
    shutil.rmtree(dist, ignore_errors=True)
    # Without git, as in a source distribution, the oldest time that a zip can hold.
    time_of_commit = os.environ.get("SOURCE_DATE_EPOCH") or session.run(
        "git",
        f"--git-dir={source / '.git'}",
        "log",
        "-1",
        "--format=%ct",
        external=True,
        silent=True,
        success_codes=range(256),
    )
    timestamp = time_of_commit.strip() if isinstance(time_of_commit, str) else ""
    epoch = int(timestamp) if timestamp.isdecimal() else 315_532_800
    cargo_home = Path(os.environ.get("CARGO_HOME", "~/.cargo")).expanduser()
    env = {
        "RUSTFLAGS": f"--remap-path-prefix={cargo_home}=/cargo",
        "SOURCE_DATE_EPOCH": str(epoch),
        "STATSD_TRIO_BUILD_NATIVE": "1",
    }
    session.log("building %s, which takes half a minute", dist)
    with session.chdir(source):
        printed = session.run(
            *("python", "-m", "build", "--no-isolation", f"--outdir={dist}"),
            env=env,
            silent=True,
        )
    (sdist,) = dist.glob("*.tar.gz")
    _pack_reproducibly(sdist, epoch)
    (built,) = dist.glob("*.whl")
    if "-abi3-" not in built.name:
        session.log("%s", printed)
        session.error("the native engine was not built: the messages above say why")
    session.run(
        *("auditwheel", "repair", f"--wheel-dir={dist / 'repaired'}", str(built)),
        env=env,
        silent=True,
    )
    built.unlink()
    # One for every Python from 3.11 on.
    (repaired,) = dist.glob("repaired/*-cp311-abi3-manylinux*.whl")
    repaired = repaired.rename(dist / repaired.name)
    (dist / "repaired").rmdir()
    return sdist, repaired


def _pack_reproducibly(archive: Path, epoch: int) -> None:
    """Pack an archive anew without times, owners and an order of this machine."""
    packed = io.BytesIO()
    with (
        tarfile.open(archive) as old,
        gzip.GzipFile(
            fileobj=packed, filename="", mode="wb", mtime=epoch
        ) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            member.mtime, member.pax_headers = epoch, {}
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    archive.write_bytes(packed.getvalue())


def _check_is_whole(session: nox.Session, sdist: Path) -> None:
    """Check that a source distribution has every file of the repository."""
    tracked = session.run("git", "ls-files", external=True, silent=True)
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    missing = [
        name
        for name in str(tracked).splitlines()
        if name not in packed and not Path(name).name.startswith(".git")
    ]
    if missing:
        session.error(f"MANIFEST.in leaves out {missing}")


def _check_distributions(session: nox.Session, sdist: Path, wheel: Path) -> None:
    """Check what an index would refuse, and that the wheel works where it is alone."""
    session.run("twine", "check", "--strict", str(sdist), str(wheel))
    session.run("check-wheel-contents", str(wheel))
    session.run("auditwheel", "show", str(wheel))
    with tarfile.open(sdist) as archive:
        session.log("%s:\n%s", sdist.name, "\n".join(archive.getnames()))
    session.run("python", "-m", "zipfile", "--list", str(wheel))
    session.install("--force-reinstall", f"statsd-trio[{EXTRAS}] @ {wheel.as_uri()}")
    with session.chdir(wheel.parent):
        session.run(
            "python", "-c", "import statsd_trio._native as n; print(n.__version__)"
        )
        session.run("statsd-trio", "--version")


@nox.session(default=False)
def attack(session: nox.Session) -> None:
    """Attack a real server within ten minutes, or in one way: `-- "key revoked"`."""
    _install(session)
    session.run("python", "-m", "attacks", *session.posargs)


@nox.session(default=False)
def engines(session: nox.Session) -> None:
    """Send a minute to each engine that can be had, and ask for it back."""
    _install(session, "test")
    session.run("python", "-m", "engines", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning or a dead reference fails."""
    _install(session, "docs")
    session.run(
        "sphinx-build",
        "--builder=html",
        "--fail-on-warning",
        "--keep-going",
        "--nitpicky",
        "docs",
        "docs/_build/html",
    )


@nox.session
def docs_examples(session: nox.Session) -> None:
    """Run what the pages show, or the pages that are named, and compare its output."""
    _install(session, "docs-examples")
    _build_native(session)
    session.run("python", "-m", "docs.run_examples", *session.posargs)


@nox.session(default=False, venv_backend="uv")
def minimums(session: nox.Session) -> None:
    """Run the tests with the oldest versions that pyproject.toml allows."""
    session.install(f"-e.[{EXTRAS}]", "--group=test", "--resolution=lowest-direct")
    session.run("pytest", *(session.posargs or WORKERS))


if __name__ == "__main__":
    nox.main()
