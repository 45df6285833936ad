"""The generated files."""

import json
from pathlib import Path
from typing import Any

from pairgen.config import packaged_assets
from pairgen.declarations.schema import cluster_schema, project_schema, recipe_schema
from pairgen.declarations.stub import stub
from pairgen.declarations.table import options_page
from pairgen.kinds.degrade.schema import preset_schema
from pairgen.kinds.ode.schema import model_schema


def generated() -> dict[Path, str]:
    """Return the text of each generated file of a checkout."""
    package = packaged_assets().parent
    configs = package.parent / "configs"
    return {
        configs / "pairgen.schema.json": _as_json(project_schema()),
        configs / "train.schema.json": _as_json(recipe_schema()),
        configs / "cluster.schema.json": _as_json(cluster_schema()),
        configs / "model.schema.json": _as_json(model_schema()),
        configs / "degradation.schema.json": _as_json(preset_schema()),
        package / "__init__.pyi": stub(),
        package.parent / "docs" / "options.md": options_page(),
    }


def stale() -> dict[Path, str]:
    """Return the generated files that are out of date, with their new text."""
    return {
        path: text
        for path, text in generated().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }


def _as_json(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
