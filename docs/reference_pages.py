"""Write the pages of the reference that are made from the code: config, rules, library, changes.

`conf.py` calls it before each build. Nothing of the library is imported, so the site needs none of
the packages that the workflow needs: docstrings are read from the source, the table of the config
from its schema, and the rules from the workflow's files.
"""

import ast
import re
from pathlib import Path

import yaml
from sphinx.ext.napoleon import Config, NumpyDocstring

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "scripts/morphovote"
STYLE = Config(napoleon_use_param=True, napoleon_use_rtype=False)
# A named part of what a function returns, and its further lines.
PART = re.compile(r"^    ([\w<>, ]+) : (.*)$")
RULE = re.compile(
    r'^(?:rule|checkpoint) (\w+):\n(?:    name:\n[^\n]*\n)?    """(.*?)"""', re.M | re.S
)
OPENING = re.compile(r"# Takes: (.*?)\n# Leaves: (.*?)\n(?!#)", re.S)


def write_pages(folder: Path) -> None:
    """Write all pages into a folder, and touch none that is unchanged."""
    pages = {
        "config.md": config_page(),
        "rules.md": rules_page(),
        "changes.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        "encoder.md": (ROOT / "resources/encoder/README.md").read_text(encoding="utf-8"),
    }
    names = rooms()
    pages["library.md"] = library_page(names)
    pages |= {f"library_{name}.rst": room_page(name) for name in names}
    folder.mkdir(exist_ok=True)
    for path in set(folder.iterdir()) - {folder / name for name in pages}:
        path.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


# --- config ------------------------------------------------------------------------------------


def config_page() -> str:
    """Table of the config's keys, one section a table of it."""
    schema = yaml.safe_load(
        (ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8")
    )
    definitions = schema["$defs"]
    top = schema["properties"]
    tables = {key: value for key, value in top.items() if "properties" in value}
    alone = {key: value for key, value in top.items() if key not in tables}
    parts = [
        "# The config",
        "Every key that `config.yaml` or a file of your own may have; a key that is left out takes "
        "its default. Only `fields` is needed. An unknown key or an impossible value stops the run "
        "before its first job. [Your own field](../fields.md) shows the keys at work.",
    ]
    parts += ["## Keys by themselves", _rows(alone, "", definitions)]
    parts += ["## A field", "Keys of each entry under `fields`."]
    parts.append(_rows(definitions["field"]["properties"], "", definitions))
    for key, value in tables.items():
        rows = _rows(value["properties"], f"{key}.", definitions)
        parts += [f"## `{key}`", value.get("description", ""), rows]
    return "\n\n".join(filter(None, parts)) + "\n"


def _rows(keys: dict, prefix: str, definitions: dict) -> str:
    """Markdown table of keys, those of a table below it after it."""
    lines = ["| key | values | default | meaning |", "| --- | --- | --- | --- |"]
    for name, value in _flat(keys, prefix, definitions):
        default = f"`{_plain(value['default'])}`" if "default" in value else ""
        meaning = " ".join(value.get("description", "").split())
        cells = (f"`{name}`", _values(value), default, _cell(meaning))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _flat(keys: dict, prefix: str, definitions: dict):
    """Each key with its full name and what the schema says of it."""
    for key, value in keys.items():
        if "$ref" in value:
            value = definitions[value["$ref"].rsplit("/", 1)[1]] | value
        if key == "seed" and "description" not in value:
            value = value | {"description": "Seed of random numbers."}
        yield prefix + key, value
        yield from _flat(value.get("properties", {}), f"{prefix}{key}.", definitions)


def _plain(value) -> str:
    """A value as YAML writes it."""
    return yaml.safe_dump(value, default_flow_style=True).replace("\n...", "").strip()


def _values(value: dict) -> str:
    """Which values a key may have, in words."""
    if "enum" in value:
        return ", ".join(f"`{_plain(one)}`" for one in value["enum"])
    for several in ("anyOf", "oneOf"):
        if several in value:
            return " or ".join(dict.fromkeys(_values(one) for one in value[several]))
    if "const" in value:
        return f"`{_plain(value['const'])}`"
    kind = value.get("type", "")
    if isinstance(kind, list):
        return " or ".join(_values(value | {"type": one}) for one in kind)
    words = {
        "string": "text",
        "integer": "whole number",
        "array": "list",
        "object": "table",
        "null": "`null`",
    }
    text = words.get(kind, kind)
    if kind in ("integer", "number"):
        bounds = (
            ("minimum", "from"),
            ("exclusiveMinimum", "above"),
            ("maximum", "to"),
            ("exclusiveMaximum", "below"),
        )
        text += "".join(f" {word} {value[name]:,}" for name, word in bounds if name in value)
    return text


# --- rules -------------------------------------------------------------------------------------


def rules_page() -> str:
    """The stages in the order of the data flow, each with its rules."""
    snakefile = (ROOT / "Snakefile").read_text(encoding="utf-8")
    stages = re.findall(r'^include: "workflow/rules/(\w+)\.smk"', snakefile, re.M)
    parts = [
        "# The rules",
        "What the workflow does, in the order of the data flow. Each rule has a script, a log and "
        "a benchmark (time and memory) of its own name: `results/<field>/logs/<rule>.log`. "
        "`snakemake <file>` makes one file and what it needs.",
    ]
    for stage in [*stages, "pretrain"]:
        text = (ROOT / f"workflow/rules/{stage}.smk").read_text(encoding="utf-8")
        rules = RULE.findall(text)
        if not rules:
            continue
        parts.append(f"## {stage.replace('_', ' ').capitalize()}")
        if opening := OPENING.search(text):
            takes, leaves = (
                " ".join(part.replace("\n#", " ").split()) for part in opening.groups()
            )
            parts.append(f"Takes {_code(takes)}\n\nLeaves {_code(leaves)}")
        lines = ["| rule | what it does |", "| --- | --- |"]
        for name, words in rules:
            lines.append(f"| `{name}` | {_cell(' '.join(words.split()))} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return _code(text).replace("|", "\\|")


def _code(text: str) -> str:
    """Text in which what stands in angle brackets is no HTML."""
    return re.sub(r"(?<!`)([\w./]*<\w+>[\w./]*)(?!`)", r"`\1`", text)


# --- library -----------------------------------------------------------------------------------


def rooms() -> list[str]:
    """The library's rooms in the order of the data flow, as docs/development.md lists them."""
    text = (ROOT / "docs/development.md").read_text(encoding="utf-8")
    found = re.findall(r"^(\w+) +<-", text, re.M)
    return [
        name for name in found if (LIBRARY / name).is_dir() or (LIBRARY / f"{name}.py").is_file()
    ]


def library_page(names: list[str]) -> str:
    """List of the rooms, with the first sentence of each."""
    lines = ["| room | what it holds |", "| --- | --- |"]
    for name in names:
        first = " ".join(_docstring(_source(name)[0][1]).split("\n\n")[0].split())
        lines.append(f"| [{name}](library_{name}.rst) | {_cell(first)} |")
    tree = "\n".join(f"library_{name}" for name in names)
    return f"""\
# The library

The science is in the Python package `morphovote` (`scripts/morphovote/`): functions on arrays and
tables, which a notebook can import without Snakemake. It is divided into rooms, in the order of
the data flow; [development](../development.md#rooms) says which room may import which.

{chr(10).join(lines)}

```{{toctree}}
:hidden:
:maxdepth: 1

{tree}
```
"""


def _source(name: str) -> list[tuple[str, Path]]:
    """Modules of a room, by name; the room's own first."""
    if (LIBRARY / f"{name}.py").is_file():
        return [(f"morphovote.{name}", LIBRARY / f"{name}.py")]
    found = []
    for path in sorted((LIBRARY / name).rglob("*.py")):
        parts = path.relative_to(LIBRARY.parent).with_suffix("").parts
        found.append((".".join(part for part in parts if part != "__init__"), path))
    return sorted(found)


def _docstring(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def room_page(name: str) -> str:
    """The public functions and classes of a room, from their docstrings."""
    parts = [f"{name}\n{'=' * len(name)}"]
    for module, path in _source(name):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        public = [
            node
            for node in tree.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
        ]
        if path.name != "__init__.py":
            short = module.removeprefix(f"morphovote.{name}.")
            parts.append(f"{short}\n{'-' * len(short)}")
            parts.append(f"``{module}``")
        elif not ast.get_docstring(tree):
            continue
        parts.append(f".. py:module:: {module}")
        parts.append(_text(ast.get_docstring(tree) or ""))
        parts += [_entry(node) for node in public]
    return "\n\n".join(filter(None, parts)) + "\n"


def _text(docstring: str) -> str:
    """A docstring in numpydoc's style as plain reStructuredText."""
    head, returns, rest = docstring.partition("\nReturns\n-------\n")
    if returns:
        lines, inside = [], False
        for line in rest.splitlines():
            if part := PART.match(line):
                lines += ["    "] * (not inside) + [f"    - **{part[1]}**: {part[2]}"]
                inside = True
            else:
                goes_on = inside and line.startswith("        ")
                lines += ["    "] * (inside and not goes_on)
                lines.append(f"      {line.strip()}" if goes_on else line)
                inside = goes_on
        rest = "\n".join(lines)
    return str(NumpyDocstring(head + returns + rest, STYLE))


def _entry(node: ast.FunctionDef | ast.ClassDef) -> str:
    """Directive of a function or class, with its docstring."""
    if isinstance(node, ast.ClassDef):
        methods = [
            one
            for one in node.body
            if isinstance(one, ast.FunctionDef)
            and not one.name.startswith("_")
            and ast.get_docstring(one)
        ]
        head, inner = f".. py:class:: {node.name}", [_method(one) for one in methods]
    else:
        head, inner = f".. py:function:: {_signature(node)}", []
    body = "\n\n".join([_text(ast.get_docstring(node) or ""), *inner])
    return f"{head}\n\n{_indent(body)}"


def _method(node: ast.FunctionDef) -> str:
    return f".. py:method:: {_signature(node)}\n\n{_indent(_text(ast.get_docstring(node)))}"


def _signature(node: ast.FunctionDef) -> str:
    """Name and arguments with their defaults; types are in the docstring."""
    for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
        argument.annotation = None
    for argument in filter(None, (node.args.vararg, node.args.kwarg)):
        argument.annotation = None
    node.args.args = [one for one in node.args.args if one.arg not in ("self", "cls")]
    return f"{node.name}({ast.unparse(node.args)})"


def _indent(text: str) -> str:
    return "\n".join(f"   {line}" if line else "" for line in text.splitlines())
