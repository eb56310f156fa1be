"""`make sbom`: write the software bill of materials of the layer from its pins, as CycloneDX 1.6.

https://cyclonedx.org/docs/1.6/json/. It has neither a time nor a serial number, so the same pins give the same bytes.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from local.template import ROOT

PATH = ROOT / "layers" / "connector" / "sbom.json"
_PINS = ROOT / "layers" / "connector" / "requirements.txt"
_DEPLOYED_ON = {
    "implementation_name": "cpython",
    "platform_machine": "aarch64",
    "platform_python_implementation": "CPython",
    "python_full_version": "3.13.0",
    "python_version": "3.13",
    "sys_platform": "linux",
}
_PIN = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[\w.]+)(?: ; (?P<marker>.+?))? \\")
_VIA = re.compile(r"    #(?: via)?   ?(?P<name>[\w.-]+)(?: \(pyproject\.toml\))?")


@dataclass(frozen=True, slots=True)
class Package:
    """One package of the layer."""

    name: str
    version: str
    wanted_by: frozenset[str]
    """The packages that depend on it; the project itself is one."""

    @property
    def purl(self) -> str:
        """Its package URL (https://github.com/package-url/purl-spec)."""
        return f"pkg:pypi/{self.name}@{self.version}"


def shipped(pins: str) -> tuple[Package, ...]:
    """Return the packages that the pins put into the layer."""
    return tuple(sorted(_packages(pins), key=lambda package: package.name))


def _packages(pins: str) -> Iterator[Package]:
    for block in re.split(r"\n(?=\w)", pins.strip()):
        first, *others = block.splitlines()
        pin = _PIN.fullmatch(first)
        if pin is None:
            raise ValueError(f"not a pin with hashes: {first}")
        if pin["marker"] is None or Marker(pin["marker"]).evaluate(_DEPLOYED_ON):
            via = {match["name"] for line in others if (match := _VIA.fullmatch(line))}
            yield Package(canonicalize_name(pin["name"]), pin["version"], frozenset(via))


def text(pins: str | None = None) -> str:
    """Return the bill as JSON."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    packages = shipped(_PINS.read_text("utf-8") if pins is None else pins)
    references = {package.name: package.purl for package in packages}
    bill: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": project["name"],
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": [
            {
                "type": "library",
                "bom-ref": package.purl,
                "name": package.name,
                "version": package.version,
                "purl": package.purl,
            }
            for package in packages
        ],
        "dependencies": [
            {
                "ref": reference,
                "dependsOn": [package.purl for package in packages if name in package.wanted_by],
            }
            for name, reference in {project["name"]: project["name"], **references}.items()
        ],
    }
    return json.dumps(bill, indent=2) + "\n"


def write(path: Path = PATH) -> None:
    """Write the bill."""
    path.write_text(text(), "utf-8")
    print(f"{path} is written.")


if __name__ == "__main__":
    write()
