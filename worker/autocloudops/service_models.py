"""botocore's own data files, read in half the time: which services there are, and how each is spoken to.

To learn which services exist, botocore 1.43 opens more than 800 folders, and it reads each file into `OrderedDict`s,
which a `dict` has been as good as since Python 3.7. Both together are half of what opening four clients takes.
"""

import gzip
import json
from functools import cached_property
from os import pathsep
from os.path import expandvars
from pathlib import Path
from typing import Any

from botocore.loaders import JSONFileLoader, Loader


def loader(data_path: str | None) -> Loader:
    """Return what reads botocore's data files.

    Args:
        data_path: folders beside botocore's own, as AWS_DATA_PATH names them; None for no other.
    """
    folders = expandvars(data_path).split(pathsep) if data_path else []
    return _Models([str(Path(folder).expanduser()) for folder in folders if folder], file_loader=_Files())


class _Files(JSONFileLoader):
    def load_file(self, file_path: str) -> Any:  # noqa: ANN401 - whatever a data file holds
        plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return json.loads(plain.read_bytes())
        return json.loads(gzip.decompress(packed.read_bytes())) if packed.is_file() else None


class _Models(Loader):
    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - a service has all its files, or none
        return self._services

    @cached_property
    def _services(self) -> list[str]:
        folders = [folder for folder in map(Path, self.search_paths) if folder.is_dir()]
        return sorted({service.name for folder in folders for service in folder.iterdir()})
