"""CONFIG: a name under `configs/cluster/`, or a YAML file; its content tells the kind."""

import importlib.util
import json
from pathlib import Path
from typing import Any

from pairgen.config import did_you_mean, packaged_configs, read_yaml
from pairgen.errors import ConfigError
from pairgen.jobs.cluster.base import Cluster
from pairgen.jobs.cluster.options import LocalOptions, SlurmOptions
from pairgen.jobs.cluster.programs import check_ray

# Keys that a file of Ray's launcher must have.
OF_RAY = ("cluster_name", "provider")
KINDS = (
    "`kind: local` or `kind: slurm`, a file of Ray's launcher (`cluster_name`, `provider`), or a "
    "`kind: RayJob` of Kubernetes"
)


def config_names() -> list[str]:
    """Return the names of the packaged files."""
    return sorted(path.stem for path in (packaged_configs() / "cluster").glob("*.yaml"))


def config_path(config: str | Path) -> Path:
    """Return the file of a CONFIG.

    Raises:
        ConfigError: There is no such file and no such name.
    """
    path = Path(config).expanduser()
    if path.is_file():
        return path.resolve()
    known = config_names()
    if str(config) in known:
        return packaged_configs() / "cluster" / f"{config}.yaml"
    hint = did_you_mean(str(config), known)
    raise ConfigError(
        f"There is no cluster {str(config)!r}{hint}: give a YAML file or one of {', '.join(known)}."
    )


def read_cluster(config: str | Path) -> Cluster:
    """Return the cluster that a CONFIG describes.

    Raises:
        ConfigError: The file cannot be read, is of no known kind, or a value is not allowed.
    """
    path = config_path(config)
    data = read_yaml(path)
    kind = data.get("kind")
    if kind == "local":
        check_ray()
        from pairgen.jobs.cluster.local.cluster import LocalCluster

        return LocalCluster(str(config), path, LocalOptions(**_without_kind(data)))
    if kind == "slurm":
        from pairgen.jobs.cluster.slurm import SlurmCluster

        return SlurmCluster(str(config), SlurmOptions(**_without_kind(data)))
    if kind == "RayJob":
        from pairgen.jobs.cluster.kuberay import KubeRayCluster

        return KubeRayCluster(str(config), path, data)
    if kind is None and all(key in data for key in OF_RAY):
        check_ray()
        from pairgen.jobs.cluster.launched import LaunchedCluster

        _check_against_ray(path, data)
        return LaunchedCluster(str(config), path, data)
    got = f"kind {kind!r}" if kind is not None else "none of them"
    raise ConfigError(f"The file {path} must be {KINDS}, got {got}.")


def _without_kind(data: dict[str, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in data.items() if key != "kind"}


def _check_against_ray(path: Path, data: dict[str, Any]) -> None:
    """Raise ConfigError if a file breaks the schema of the installed Ray."""
    import jsonschema

    ray = importlib.util.find_spec("ray")
    assert ray is not None and ray.origin is not None
    schema = Path(ray.origin).parent / "autoscaler" / "ray-schema.json"
    try:
        jsonschema.validate(data, json.loads(schema.read_text(encoding="utf-8")))
    except jsonschema.ValidationError as error:
        where = ".".join(map(str, error.absolute_path)) or "its keys"
        raise ConfigError(
            f"The file {path} breaks the schema of Ray's launcher at {where}: {error.message}."
        ) from None
