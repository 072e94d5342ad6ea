"""How a function of a model shows itself in a notebook."""

from __future__ import annotations

from html import escape

from scorecast.models.info import ModelInfo
from scorecast.models.signature import Spec

_MOST_SHOWN = 20


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
    outputs = "".join(_input_row(i, spec) for i, spec in enumerate(signature.outputs or ()))
    params = "".join(
        f"<tr><td>{escape(param.name)}</td><td>{escape(str(param.type))}</td>"
        f"<td>{escape(repr(param.default))}</td></tr>"
        for param in signature.params or ()
    )
    tables = (
        _table(("input", "type", "required"), inputs),
        _table(("output", "type", "required"), outputs),
        _table(("param", "type", "default"), params),
    )
    return f"<div><b>spark_udf</b><table>{rows}</table>{''.join(tables)}</div>"


def _table(heads: tuple[str, ...], rows: str) -> str:
    """Give a table, or nothing where the model declares nothing of the kind."""
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f"<table><tr>{head}</tr>{rows}</table>" if rows else ""


def _call(names: tuple[str, ...] | None) -> str:
    listed = (
        "*df.columns"
        if not names or len(names) > _MOST_SHOWN
        else ", ".join(f'"{name}"' for name in names)
    )
    return f'df.withColumn("prediction", udf({listed}))'


def _input_row(position: int, spec: Spec) -> str:
    name = position if spec.name is None else spec.name
    cells = (str(name), str(spec.type), "yes" if spec.required else "no")
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
