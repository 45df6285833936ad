"""CONFIG: what ships is valid by the schemas of those who read it, and what is wrong is told."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray.autoscaler
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from pairgen.config import packaged_configs
from pairgen.declarations.schema import cluster_schema
from pairgen.errors import ConfigError
from pairgen.jobs.cluster.base import job_of
from pairgen.jobs.cluster.config_file import config_names, read_cluster
from pairgen.jobs.cluster.kuberay import exit_code
from tests.runs import run_many

FOLDER = packaged_configs() / "cluster"
RAY_SCHEMA = Path(ray.autoscaler.__file__).parent / "ray-schema.json"
# `ray.io_rayjobs.yaml` of ray-project/kuberay (Apache-2.0), if somebody has put it here.
CRD = Path(os.environ.get("PAIRGEN_RAYJOB_CRD", "no-crd"))


def content(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def job(*words: str, **env: str) -> Any:
    made = job_of(["pairgen", *words], env=(), working_dir="", detach=False)
    return made if not env else type(made)(**{**vars(made), "env": env})


def test_every_packaged_cluster_is_read() -> None:
    assert config_names() == ["aws", "gcp", "hosts", "kuberay", "local", "slurm"]
    for name in config_names():
        assert read_cluster(name)


@pytest.mark.parametrize("name", ["aws", "gcp", "hosts"])
def test_a_file_of_the_launcher_is_valid_for_ray(name: str) -> None:
    jsonschema.validate(content(name), json.loads(RAY_SCHEMA.read_text()))
    # As `ray up` reads it, with its own defaults.
    filled = prepare_config(content(name))
    validate_config(filled)
    kinds = filled["available_node_types"]
    assert filled["head_node_type"] in kinds


@pytest.mark.parametrize(("name", "spot"), [("aws", "spot"), ("gcp", "SPOT")])
def test_gpu_workers_are_spot_machines_from_none_and_the_head_is_not(name: str, spot: str) -> None:
    kinds = content(name)["available_node_types"]
    worker, head = kinds["gpu_worker"], kinds["head"]
    assert worker["min_workers"] == 0 and worker["resources"]["GPU"] == 1
    assert spot in json.dumps(worker["node_config"])
    assert spot.lower() not in json.dumps(head).lower()


@pytest.mark.parametrize("name", ["local", "slurm"])
def test_a_file_of_our_own_is_valid_by_its_schema(name: str) -> None:
    validator = jsonschema.Draft202012Validator(cluster_schema())
    assert not list(validator.iter_errors(content(name)))
    assert list(validator.iter_errors({**content(name), "nodes": 0}))
    assert list(validator.iter_errors({**content(name), "ndoes": 1}))


def test_the_rayjob_has_the_parts_of_one() -> None:
    manifest = yaml.safe_load(read_cluster("kuberay").show(job("ode", "--out", "a b")))
    assert (manifest["apiVersion"], manifest["kind"]) == ("ray.io/v1", "RayJob")
    assert manifest["spec"]["entrypoint"] == "python -m pairgen ode --out 'a b'"
    assert manifest["metadata"]["labels"] == {"pairgen-cluster": "pairgen"}
    assert manifest["metadata"]["name"].startswith("pairgen-")
    cluster = manifest["spec"]["rayClusterSpec"]
    assert cluster["authOptions"] == {"mode": "token"}
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        (container,) = group["template"]["spec"]["containers"]
        assert container["envFrom"] == [{"secretRef": {"name": "pairgen-env", "optional": True}}]


@pytest.mark.skipif(not CRD.is_file(), reason="set PAIRGEN_RAYJOB_CRD to ray.io_rayjobs.yaml")
def test_the_rayjob_is_valid_by_its_crd() -> None:
    versions = yaml.safe_load(CRD.read_text())["spec"]["versions"]
    (schema,) = [each["schema"]["openAPIV3Schema"] for each in versions if each["name"] == "v1"]
    closed = _closed(schema)
    closed["properties"]["metadata"] = {"type": "object"}
    manifest = yaml.safe_load(read_cluster("kuberay").show(job("ode")))
    jsonschema.Draft202012Validator(closed).validate(manifest)
    manifest["spec"]["rayClusterSpec"]["headGroupSpec"]["rayStartParms"] = {}
    with pytest.raises(jsonschema.ValidationError, match="rayStartParms"):
        jsonschema.Draft202012Validator(closed).validate(manifest)


def _closed(schema: Any) -> Any:
    """Return a schema of Kubernetes that refuses unknown keys, as its server does on request."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string") is True:
        return {"type": ["integer", "string"]}
    closed = {key: _closed(value) for key, value in schema.items() if key != "format"}
    is_open = "additionalProperties" in schema
    is_open |= schema.get("x-kubernetes-preserve-unknown-fields") is True
    if schema.get("type") == "object" and "properties" in schema and not is_open:
        closed["additionalProperties"] = False
    return closed


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ({"jobStatus": "SUCCEEDED"}, 0),
        ({"jobStatus": "STOPPED"}, 130),
        ({"jobStatus": "FAILED", "message": "Job entrypoint command failed with exit code 3, "}, 3),
        ({"jobStatus": "FAILED", "message": "... failed with exit code -9. No logs"}, 137),
        ({"jobStatus": "FAILED", "reason": "DeadlineExceeded"}, 1),
        ({}, 1),
    ],
)
def test_the_exit_code_of_a_rayjob_is_that_of_its_command(status: Any, code: int) -> None:
    assert exit_code(status, lambda _: None) == code


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: lokal", "must be `kind: local` or `kind: slurm`"),
        ("nodes: 3", "got none of them"),
        ("kind: local\nnodes: 0", "nodes must be an integer in 1..64, got 0"),
        ("kind: local\nndoes: 2", "Unknown key 'ndoes' in the options of kind: local"),
        ("kind: slurm\nsbatch: [partition=gpu]", "Each entry of sbatch must be an option"),
        ("kind: slurm\ntime: ''", "time must not be empty: give a time such as"),
        ("kind: RayJob", "must have a `metadata.name` and a `spec`"),
        ("cluster_name: a\nprovider: {}", "breaks the schema of Ray's launcher at provider"),
        ("cluster_name: a\nprovider: {type: aws}\nmax_wrokers: 2", "'max_wrokers' was unexpected"),
        ("[", "is not valid YAML"),
    ],
)
def test_a_wrong_file_is_one_sentence(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as told:
        read_cluster(path).show(job("ode"))
    assert message in str(told.value)


def test_wrong_commands_are_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    key = "s3://KEY:planted@bucket/set"
    said, codes = run_many(
        tmp_path,
        ("cluster", "up", "lokal"),
        ("cluster", "up", "slurm"),
        ("cluster", "up", "kuberay"),
        ("cluster", "submit", "local", "--", "ls"),
        ("cluster", "submit", "local", "--", "pairgen", "ode", "--out", key),
        ("cluster", "submit", "local", "--env", "NOT_SET_ANYWHERE", "--", "pairgen", "ode"),
        ("cluster", "submit", "local", "--working-dir", "nowhere", "--", "pairgen", "ode"),
        ("cluster", "submit", "local", "--", "pairgen", "ode"),
        ("cluster", "status", "local"),
        ("cluster", "logs", "slurm"),
        ("cluster", "submit", "kuberay", "--env", "HOME", "--show", "--", "pairgen", "ode"),
        ("cluster", "down", "local"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    assert codes == [2] * 11 + [0], said
    for sentence in (
        "no cluster 'lokal' (did you mean 'local'?)",
        "Slurm starts a cluster for each command",
        "A RayJob starts a cluster for each command",
        "must begin with `pairgen`, such as `pairgen ode`: 'ls'",
        "holds a secret in 's3://***@bucket/set'",
        "'NOT_SET_ANYWHERE' of --env is not set",
        "no folder 'nowhere' for --working-dir",
        "The cluster 'local' does not run: pairgen cluster up local",
        "put the variables into a Secret",
    ):
        assert sentence in said, said
    assert "planted" not in said and "Traceback" not in said
    assert not list((tmp_path / "cache").glob("pairgen/clusters/*.json"))
