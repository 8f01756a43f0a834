"""A Hub of folders in place of ``huggingface_hub``: no network."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import errors


class FakeHub:
    """What dagen uses of ``huggingface_hub``, with repositories as folders."""

    def __init__(self, root: Path) -> None:
        self.root, self.cache = root / "hub", root / "cache"
        self.private: set[str] = set()
        self.failure: Exception | None = None
        self.errors = errors

    def HfApi(self) -> Any:
        return SimpleNamespace(
            create_repo=self.create_repo, upload_folder=self.upload_folder, whoami=self.whoami
        )

    def whoami(self) -> dict[str, str]:
        if self.failure is not None:
            raise self.failure
        return {"name": "me"}

    def create_repo(self, name: str, *, private: bool, exist_ok: bool) -> str:
        assert exist_ok
        (self.root / name).mkdir(parents=True, exist_ok=True)
        if private:
            self.private.add(name)
        return f"https://huggingface.co/{name}"

    def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> None:
        assert commit_message
        shutil.copytree(folder_path, self.root / repo_id, dirs_exist_ok=True)

    def snapshot_download(
        self, name: str, *, revision: str | None, local_dir: Path | None, allow_patterns: list[str]
    ) -> str:
        if not (self.root / name).is_dir():
            raise errors.RepositoryNotFoundError("404", response=SimpleNamespace(
                headers={}, request=None, status_code=404))  # fmt: skip
        if revision not in (None, "main"):
            raise errors.LocalEntryNotFoundError("no network")
        out = local_dir or self.cache / name
        out.mkdir(parents=True, exist_ok=True)
        for each in (self.root / name).iterdir():
            if each.name in allow_patterns:
                shutil.copyfile(each, out / each.name)
        return str(out)


def put(monkeypatch: pytest.MonkeyPatch, root: Path) -> FakeHub:
    """Put a fake Hub in place of the package, which has the same signatures."""
    import inspect

    from dagen.deploy.hub import client, pulling, pushing

    for name, ours in (("snapshot_download", FakeHub.snapshot_download),):
        theirs = inspect.signature(getattr(huggingface_hub, name)).parameters
        assert set(inspect.signature(ours).parameters) - {"self", "name"} <= set(theirs)
    api = huggingface_hub.HfApi
    for name in ("create_repo", "upload_folder", "whoami"):
        theirs = inspect.signature(getattr(api, name)).parameters
        ours = inspect.signature(getattr(FakeHub, name)).parameters
        assert set(ours) - {"self", "name"} <= set(theirs)
    fake = FakeHub(root)
    for module in (client, pulling, pushing):
        monkeypatch.setattr(module, "client", lambda: fake)
    return fake
