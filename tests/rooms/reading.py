"""The code's rooms, their entries and their imports, by `ast`: nothing is imported, so any revision can be read."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CORE = "edge._native"  # the compiled C core: it is imported by this name and made from the room edge/native/
C_FILES = (".c", ".h")


@dataclass(frozen=True)
class Module:
    """A Python file: its dotted name (a room's `__init__` has the room's), and the project's modules it imports."""

    name: str
    path: Path
    imports: frozenset[str]


@dataclass(frozen=True)
class Room:
    """A folder of code: its dotted name, its Python modules (`__init__` aside), its C files and the rooms inside."""

    name: str
    path: Path
    modules: tuple[str, ...]
    c_files: tuple[str, ...]
    rooms: tuple[str, ...]

    @property
    def entries(self) -> int:
        return len(self.modules) + len(self.c_files) + len(self.rooms)


@dataclass(frozen=True)
class House:
    """All rooms and modules of some packages, by name."""

    modules: dict[str, Module] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)

    def inside(self, room: str) -> Iterator[Module]:
        """The modules of a room and of the rooms inside it; of all rooms for ""."""
        for name, module in self.modules.items():
            if not room or name == room or name.startswith(f"{room}."):
                yield module


def read_house(root: Path, packages: Sequence[str]) -> House:
    """The packages below `root`; those that are not there are left out."""
    files = [path for package in packages for path in sorted((root / package).rglob("*.py"))]
    names = {_name(path.relative_to(root)): path for path in files}
    known = {*names, CORE}
    modules = {name: Module(name, path, frozenset(_imports(path, known) - {name})) for name, path in names.items()}
    rooms = [_room(root, folder) for package in packages for folder in _folders(root / package)]
    return House(modules, {room.name: room for room in rooms})


def _name(path: Path) -> str:
    return ".".join(path.parent.parts if path.stem == "__init__" else path.with_suffix("").parts)


def _folders(package: Path) -> Iterator[Path]:
    """The package and every folder below it that holds code."""
    for folder in (package, *sorted(path for path in package.rglob("*") if path.is_dir())):
        if any(path.suffix in (".py", *C_FILES) for path in folder.glob("*")):
            yield folder


def _room(root: Path, folder: Path) -> Room:
    name = ".".join(folder.relative_to(root).parts)
    return Room(
        name=name,
        path=folder,
        modules=tuple(sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")),
        c_files=tuple(sorted(path.name for path in folder.iterdir() if path.suffix in C_FILES)),
        rooms=tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and folder in _parents(path))),
    )


def _parents(path: Path) -> Sequence[Path]:
    """The folder that `path` is a room of; none where it holds no code."""
    return [path.parent] if path.is_dir() and any(_folders(path)) else []


def _imports(path: Path, known: set[str]) -> set[str]:
    """The known modules that a file imports anywhere in it: in functions and for type checking, too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in known else node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found.update(str(one.value) for one in node.args if isinstance(one, ast.Constant))
    return {"edge.native" if name == CORE else name for name in found & known}
