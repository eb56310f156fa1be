"""The contract between this repository and AWS: what the template declares, and what `sam build` makes of it."""

from collections.abc import Iterator

import pytest

from tests.contract.building import Artifacts, built
from tests.contract.deployment import Deployment, deployment


@pytest.fixture(scope="session")
def deployed() -> Deployment:
    """template.yaml, as CloudFormation sees it: SAM's shorthands written out, offline."""
    return deployment()


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Artifacts]:
    """What `sam build` makes: for this machine, to be run; and the layer that deploys, to be looked at."""
    with built(tmp_path_factory.mktemp("build")) as made:
        yield made
