"""YAML that people write: read strictly, because it forgives what they did not mean."""

from pathlib import Path

import yaml

from morphovote.errors import InputError


def load_yaml(path: str | Path):
    """Read a YAML file.

    Raises
    ------
    InputError
        If it is not YAML in UTF-8, or gives a key twice (of which YAML would take the last), naming
        the lines.
    """
    try:
        content = Path(path).read_bytes()
        if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:4]:
            raise InputError(
                f"{path}: found text in UTF-16, expected UTF-8. Save it again as UTF-8."
            )
        text = content.decode("utf-8-sig")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _check_keys(path, node, set())
        return yaml.safe_load(text)
    except InputError:
        raise
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{path}, line {line}: found a byte that is no text in UTF-8 (it may be Latin-1). Save "
            "the file again as UTF-8."
        ) from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = getattr(error, "problem", None) or " ".join(str(error).split())
        raise InputError(
            f"{path}{place}: not a readable YAML file ({reason}). Correct that line or the one "
            "before it: brackets, colons, and spaces in place of tabs."
        ) from error


def _check_keys(path: str | Path, node: yaml.Node | None, seen: set[int]) -> None:
    """Stop at a key that a table has twice; an alias leads to a table seen before."""
    if node is None or id(node) in seen or isinstance(node, yaml.ScalarNode):
        return
    seen.add(id(node))
    lines: dict[tuple, int] = {}
    for part in node.value:
        key, value = part if isinstance(node, yaml.MappingNode) else (None, part)
        if isinstance(key, yaml.ScalarNode):
            name, line = (key.tag, key.value), key.start_mark.line + 1
            if name in lines:
                raise InputError(
                    f"{path}: the key '{key.value}' is given twice, in line {lines[name]} and in "
                    f"line {line}, expected once: of two, YAML takes the last without a word. "
                    "Join the two, or rename or remove one."
                )
            lines[name] = line
        _check_keys(path, value, seen)
