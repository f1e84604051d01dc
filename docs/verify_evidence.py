"""Check an evidence package with Python alone: python verify_evidence.py FOLDER_OR_ZIP [DIGEST].

Every file must have the SHA-256 of manifest.json, and its chain of seals must be whole. DIGEST is
that of the seal, as the authority published it; without it a package made up as a whole passes.
"""

import hashlib
import json
import sys
import zipfile
from pathlib import Path


def sha256_of_json(value):  # canonical JSON (RFC 8785) of texts and whole numbers
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def files_of(source):
    if source.is_dir():
        found = (path for path in source.rglob("*") if path.is_file())
        return {path.relative_to(source).as_posix(): path.read_bytes() for path in found}
    with zipfile.ZipFile(source) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def faults(files, digest):
    manifest = json.loads(files.pop("manifest.json"))
    listed, previous = manifest["files"], "0" * 64
    for name in sorted({*files, *listed}):
        if name not in files or hashlib.sha256(files[name]).hexdigest() != listed.get(name):
            yield f"{name} is not what was sealed"
    if sha256_of_json(listed) != manifest["package_sha256"] or not manifest["chain"]:
        yield "the list of files is not what was sealed, or there is no seal"
    for number, link in enumerate(manifest["chain"], 1):
        body = {"content": link["content"], "previous": previous, "seq": number}
        if link["previous"] != previous or link["digest"] != sha256_of_json(body):
            yield f"seal {number} is broken"
        previous = link["digest"]
    last = manifest["chain"][-1]["content"] if manifest["chain"] else {}
    if any(last.get(name) != manifest[name] for name in ("case_id", "package_sha256")):
        yield "the last seal is not of this package"
    if digest not in ("", previous):
        yield f"the last seal is {previous}, not {digest}"


if __name__ == "__main__":
    found = list(faults(files_of(Path(sys.argv[1])), "".join(sys.argv[2:3])))
    print("\n".join(found) or "whole")
    sys.exit(bool(found))
