# SPDX-License-Identifier: Apache-2.0
"""`make vendor`: fetch again what the page carries of others, as its manifest says.

Each file is taken from the package of that version, whose digest npm's registry must
still give; the digests of the files are checked, or written when the version is new.
"""

import base64
import hashlib
import json
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

FOLDER = Path(__file__).parent / "static" / "vendor"
MANIFEST = FOLDER / "manifest.json"


def differences() -> list[str]:
    """Files that are not those of the manifest."""
    wrong = []
    for name, package in _manifest().items():
        for file, digest in package["files"].items():
            path = FOLDER / name / file
            if not path.exists() or _sha256(path.read_bytes()) != digest:
                wrong.append(f"{name}/{file}")
    return wrong


def main() -> None:
    """Fetch, check, write."""
    manifest = _manifest()
    for name, package in manifest.items():
        content = _fetched(name, package["version"], package["integrity"])
        for file in package["files"]:
            target = FOLDER / name / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content[file])
        package["files"] = {f: _sha256(content[f]) for f in package["files"]}
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n")


def _manifest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(MANIFEST.read_text("utf-8"))
    return found


def _fetched(name: str, version: str, integrity: str) -> dict[str, bytes]:
    """Files of a package of npm, by their paths in it.

    Raises:
        ValueError: it is not the package that the manifest means.
    """
    with TemporaryDirectory() as folder:
        argv = ["npm", "pack", "--silent", f"{name}@{version}"]
        subprocess.run(argv, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(folder).glob("*.tgz")
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest())
        if integrity != f"sha512-{digest.decode()}":
            raise ValueError(f"{name}@{version}: sha512-{digest.decode()}, not as said")
        with tarfile.open(archive) as tar:
            members = {
                member.name.removeprefix("package/"): tar.extractfile(member)
                for member in tar
                if member.isfile()
            }
            return {path: file.read() for path, file in members.items() if file}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    main()
