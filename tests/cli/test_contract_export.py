"""`mesh contract export` writes every product's contract in every form."""

import json

import pytest
import yaml

from mesh.cli.contract.forms import Form

READERS = {
    Form.ODCS: yaml.safe_load,
    Form.ODPS: yaml.safe_load,
    Form.JSON_SCHEMA: json.loads,
    Form.ARROW: json.loads,
    Form.DBT: yaml.safe_load,
    Form.PANDERA: lambda text: compile(text, "contract.py", "exec"),
    Form.OPENAPI: json.loads,
    Form.MARKDOWN: str,
}


@pytest.mark.parametrize("form", list(Form))
def test_every_form_is_written(empty_mesh, form):
    result = empty_mesh("contract", "export", "shop.sales", "--format", form)

    assert result.exit_code == 0, result.output
    assert READERS[form](result.stdout)
    assert ("shop.sales_v1" if form is Form.ODPS else "amount_usd") in result.stdout


def test_a_contract_is_written_to_a_file(empty_mesh, tmp_path):
    file = tmp_path / "sales.md"

    result = empty_mesh(
        "contract", "export", "shop.sales_v1", "--format", "markdown", "--output", str(file)
    )

    assert result.exit_code == 0
    assert result.stdout == ""
    page = file.read_text(encoding="utf-8")
    assert page.startswith("# shop.sales\\_v1\n")
    assert "Product owner: Ada" in page
    assert [path.name for path in tmp_path.glob("sales*")] == ["sales.md"]


def test_a_file_that_cannot_be_written_is_told_of(empty_mesh, tmp_path):
    file = tmp_path / "nowhere" / "sales.py"

    result = empty_mesh("contract", "export", "shop.sales", "--format", "pandera", "-o", str(file))

    assert result.exit_code == 1
    assert "it cannot be written" in result.stderr


def test_an_earlier_version_is_written_as_it_was_published(empty_mesh):
    assert empty_mesh("run", "shop.sales").exit_code == 0
    module = empty_mesh.root / "domains" / "shop" / "products" / "sales.py"
    text = module.read_text(encoding="utf-8")
    text = text.replace("What was paid", "What was paid at the till")
    config = '\n    class Config:\n        version = "1.0.1"\n\n\n@mesh.data_product'
    module.write_text(text.replace("\n\n@mesh.data_product", config), encoding="utf-8")
    assert empty_mesh.process("run", "shop.sales").returncode == 0

    older = empty_mesh.process(
        "contract", "export", "shop.sales", "--format", "markdown", "--contract-version", "1.0.0"
    )
    newer = empty_mesh.process("contract", "export", "shop.sales", "--format", "markdown")

    assert "What was paid |" in older.stdout
    assert "What was paid at the till |" in newer.stdout
    assert "- 1.0.0, since " in newer.stdout
    assert "- 1.0.1, since " in newer.stdout


def test_a_version_that_there_was_not_is_told_with_those_that_there_were(empty_mesh):
    assert empty_mesh("run", "shop.sales").exit_code == 0

    result = empty_mesh("contract", "export", "shop.sales", "--contract-version", "7.0.0")

    assert result.exit_code == 1
    assert "there is no published contract version '7.0.0'" in result.stderr
    assert "did you mean 1.0.0?" in result.stderr


def test_an_unknown_format_is_refused_with_those_that_there_are(empty_mesh):
    result = empty_mesh("contract", "export", "shop.sales", "--format", "avro")

    assert result.exit_code == 2
    assert "pandera" in result.stderr
