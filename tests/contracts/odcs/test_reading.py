"""Reading ODCS: what a document says becomes a contract, and what is only kept is named."""

from mesh.contracts.odcs.reading import content, load, read, tables_of
from tests import shared_data


@shared_data.needs_shared_data
def test_every_example_of_the_standard_is_read():
    for file in shared_data.files("odcs/examples/*.odcs.yaml"):
        document, where = content(file)
        for table in tables_of(document) or [""]:
            found = read(document, table=table, where=where)
            assert found.contract.document == document
            assert found.contract.table == table


@shared_data.needs_shared_data
def test_the_full_example_becomes_a_contract():
    found = load(shared_data.file("odcs/examples/full-example.odcs.yaml"), table="receivers")
    assert found.contract.key == ("id", "country_code")
    assert [rule.text for rule in found.contract.set_rules] == [
        "(id) is unique",
        "(id, country_code) is unique",
    ]
