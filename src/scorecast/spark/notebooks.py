"""How a function of a model shows itself in a notebook."""

from __future__ import annotations

from html import escape

from scorecast.models.info import ModelInfo
from scorecast.models.signature import Spec


def udf_html(info: ModelInfo, result_type: str) -> str:
    """Give an HTML table of a model and of its signature, and an example of a call.

    Args:
        info: What the model declares.
        result_type: Type of the predictions, as Spark writes it.
    """
    signature = info.enforced_signature
    facts = {
        "model": info.uri,
        "digest": info.digest,
        "flavors": ", ".join(sorted(info.flavors)),
        "registered": info.registered_name,
        "version": info.registered_version,
        "saved": info.utc_time_created,
        "result": result_type,
        "call": _call(signature.input_names),
    }
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td><code>{escape(str(value))}</code></td></tr>"
        for name, value in facts.items()
        if value
    )
    inputs = "".join(_input_row(i, spec) for i, spec in enumerate(signature.inputs or ()))
    head = "<tr><th>input</th><th>type</th><th>required</th></tr>"
    table = f"<table>{head}{inputs}</table>" if inputs else "<p>The model declares no inputs.</p>"
    return f"<div><b>spark_udf</b><table>{rows}</table>{table}</div>"


def _call(names: tuple[str, ...] | None) -> str:
    listed = "*df.columns" if not names else ", ".join(f'"{name}"' for name in names)
    return f'df.withColumn("prediction", udf({listed}))'


def _input_row(position: int, spec: Spec) -> str:
    name = position if spec.name is None else spec.name
    cells = (str(name), str(spec.type), "yes" if spec.required else "no")
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
