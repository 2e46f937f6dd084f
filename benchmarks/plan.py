"""`mesh plan` on a mesh of 1,000 products and 5,000 inputs, beside dbt on as many models and refs.

Owns both projects, made anew in a temporary folder: products stand in ten layers, each reads five
or six of the layer before, and a product of the first layer loses a column that all others build
on. Commands are timed whole, as somebody waits for them in a pull request.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from benchmarks.harness import Contender, Options, Reach, Table, main

DOMAINS = 20
LAYERS = 10
COLUMNS = 10
BREAKING = 2
_PERSON = "{name: Ada Byron, email: ada@example.com}"
_MANIFEST = """name: {name}
title: {name}
purpose: To be planned.
kind: aggregate
team:
  name: {name}
  product_owner: {person}
  business_technology_partner: {person}
  data_steward: {person}
contact: {{email: data@example.com}}
terms: {{usage: Any.}}
"""


def domain_of(number: int) -> str:
    """The domain that a product is in."""
    return f"team_{number % DOMAINS:02d}"


def product_of(number: int) -> str:
    """A product's name in an input port."""
    return f"{domain_of(number)}.things_{number:04d}_v1"


def inputs_of(number: int, count: int) -> list[int]:
    """The products of the layer before that one reads: 5,000 in all for 1,000 products."""
    width = count // LAYERS
    layer, place = divmod(number, width)
    if not layer:
        return []
    several = 6 if number % 9 < 5 else 5  # noqa: PLR2004 -- five of nine read one more
    return [(layer - 1) * width + (place + 7 * step) % width for step in range(several)]


def module_of(number: int, count: int) -> str:
    """A product's source: rows of its own, or those of its inputs added up."""
    reads = inputs_of(number, count)
    names = [f"value_{n}" for n in range(COLUMNS - 1)]
    columns = "".join(f"    {name}: int = mesh.Field(ge=0)\n" for name in names)
    ports = "".join(f'        "i{n}": mesh.Input("{product_of(n)}"),\n' for n in reads)
    chosen = ", ".join(f'"{name}"' for name in names)
    if reads:
        first, *others = (f"i{n}" for n in reads)
        sums = f"[(pl.col(name) + 1).alias(name) for name in ({chosen})]"
        joined = "".join(f'.join({o}.select("thing_id"), on="thing_id")' for o in others)
        body = f'{first}{joined}.select("thing_id", *{sums})'
    else:
        body = f'pl.LazyFrame({{"thing_id": [1, 2], **{{n: [1, 2] for n in ({chosen})}}}})'
    parameters = ", ".join(f"i{n}: pl.LazyFrame" for n in reads)
    return (
        f'"""Things {number}."""\n\nimport polars as pl\n\nimport mesh\n\n\n'
        f'class Things(mesh.Contract):\n    """One row per thing."""\n\n'
        f"    thing_id: int = mesh.Field(key=True)\n{columns}\n\n"
        f"@mesh.data_product(\n    contract=Things,\n    inputs={{\n{ports}    }},\n)\n"
        f"def things_{number:04d}({parameters}) -> pl.LazyFrame:\n"
        f'    """Every thing."""\n    return {body}\n'
    )


def model_of(number: int, count: int) -> str:
    """The same as a dbt model."""
    names = [f"value_{n}" for n in range(COLUMNS - 1)]
    reads = inputs_of(number, count)
    if not reads:
        return "select 1 as thing_id, " + ", ".join(f"1 as {name}" for name in names)
    sums = ", ".join(f"a0.{name} + 1 as {name}" for name in names)
    tables = [f"{{{{ ref('things_{n:04d}') }}}} as a{i}" for i, n in enumerate(reads)]
    joins = " ".join(f"join {table} using (thing_id)" for table in tables[1:])
    return f"select a0.thing_id, {sums} from {tables[0]} {joins}"  # noqa: S608 -- its own words


def write_mesh(root: Path, count: int) -> None:
    """A mesh of so many products."""
    files = {
        "pyproject.toml": '[tool.mesh]\nstorage = ".mesh/lake"\n',
        "domains/__init__.py": "",
        "domains/organization.yaml": "name: Planned\ndescription: To be planned.\ndomains: "
        f"[{', '.join(domain_of(n) for n in range(DOMAINS))}]\n",
    }
    for name in map(domain_of, range(DOMAINS)):
        folder = f"domains/{name}"
        files[f"{folder}/__init__.py"] = files[f"{folder}/products/__init__.py"] = ""
        files[f"{folder}/domain.yaml"] = _MANIFEST.format(name=name, person=_PERSON)
    for number in range(count):
        path = f"domains/{domain_of(number)}/products/things_{number:04d}.py"
        files[path] = module_of(number, count)
    _write(root, files)


def write_dbt(root: Path, count: int) -> None:
    """A dbt project of as many models."""
    profile = "planned: {target: dev, outputs: {dev: {type: duckdb, path: planned.duckdb}}}\n"
    _write(
        root,
        {
            "dbt_project.yml": "name: planned\nversion: '1.0'\nprofile: planned\n",
            "profiles.yml": profile,
            **{
                f"models/things_{number:04d}.sql": model_of(number, count)
                for number in range(count)
            },
        },
    )


def _write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def _ran(command: list[str], root: Path, *, may_end: int = 0) -> str:
    done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)
    if done.returncode not in {0, may_end}:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def _mesh(*words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("mesh")), *words]


def _dbt(*words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("dbt")), "--quiet", *words]


class Projects:
    """Both projects in one folder, made once a benchmark and published or parsed as they were."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.folder = Path(tempfile.gettempdir()) / f"mesh-benchmark-plan-{count}"

    def make(self) -> None:
        """Write both; publish the mesh, let dbt keep its state, and ask both once."""
        shutil.rmtree(self.folder, ignore_errors=True)
        write_mesh(self.folder / "same", self.count)
        _ran(_mesh("run", "--all", "--no-report"), self.folder / "same")
        shutil.copytree(self.folder / "same", self.folder / "changed")
        self._rename("changed/domains/team_00/products/things_0000.py")
        write_dbt(self.folder / "dbt", self.count)
        _ran(_dbt("parse"), self.folder / "dbt")
        shutil.copytree(self.folder / "dbt" / "target", self.folder / "dbt" / "before")
        self._rename("dbt/models/things_0000.sql")
        for name in ("same", "changed"):
            _planned(self, name)
        _selected(self)

    def _rename(self, path: str) -> None:
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        renamed = text.replace("value_0", "worth_0") if path.endswith("sql") else _renamed(text)
        file.write_text(renamed, encoding="utf-8")


def _renamed(module: str) -> str:
    return module.replace("    value_0:", "    worth_0:").replace('"value_0"', '"worth_0"')


def _planned(projects: Projects, name: str) -> None:
    told = _ran(_mesh("plan", "--json"), projects.folder / name, may_end=BREAKING)
    if json.loads(told)["may_be_deployed"] is not (name == "same"):
        raise SystemExit(f"the plan of {name} is wrong")


def _selected(projects: Projects) -> None:
    words = ("ls", "--select", "state:modified+", "--state", "before", "--resource-type", "model")
    if "things_0000" not in _ran(_dbt(*words), projects.folder / "dbt"):
        raise SystemExit("dbt did not select what was modified")


@cache
def _projects(count: int) -> Projects:
    return Projects(count)


def plans(options: Options) -> Table:
    """The table of plans."""
    count = int(options.scale_or(quick=100, full=1_000))
    projects = _projects(count)
    dbt = "dbt ls --select state:modified+"
    reads = sum(len(inputs_of(number, count)) for number in range(count))
    return Table(
        "plan",
        "A plan of the whole mesh",
        f"{count:,} products with {reads:,} inputs in {LAYERS} layers, and one column of a product "
        "in the first renamed. Both have been asked before: Mesh keeps what domains declare, dbt "
        "its partial parse. Commands are timed whole, with their imports. A plan is meant to take "
        "less than 3 s, and to be no slower than dbt, which names all models below a modified one; "
        "Mesh names those that the column reaches, and why.",
        [
            Contender(
                "mesh plan, nothing changed",
                lambda _, __: _planned(projects, "same"),
                base=dbt,
                reach=Reach(at_most=1),
                starts_command=True,
            ),
            Contender(
                "mesh plan, a column renamed",
                lambda _, __: _planned(projects, "changed"),
                base=dbt,
                reach=Reach(at_most=1),
                starts_command=True,
            ),
            Contender(dbt, lambda _, __: _selected(projects), starts_command=True),
        ],
        rounds=5 if options.is_full else 2,
        packages=("dbt-core", "polars", "sqlglot"),
        prepare=projects.make,
    )


if __name__ == "__main__":
    main(__doc__ or "", lambda options: [plans(options)])
