"""The site has every page, and a link that leads nowhere fails it."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from sphinx.cmd.build import main as sphinx

DOCS = Path(__file__).parents[2] / "docs"
SPHINX_OPTIONS = ("-q", "-W", "-b", "html")


@pytest.fixture
def conf(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("conf", DOCS / "conf.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SOURCE_URL", "")
    return module


def test_links_beside_the_docs_lead_to_the_source_if_it_is_known(
    conf: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "[retry](../consumer/pipeline/retry.py), [words](glossary.md#lease), [docs](https://example.com)"

    assert conf.lead_outside(text, DOCS) == "retry, [words](glossary.md#lease), [docs](https://example.com)"

    monkeypatch.setattr(conf, "SOURCE_URL", "https://example.com/blob/main")
    assert "(https://example.com/blob/main/consumer/pipeline/retry.py)" in conf.lead_outside(text, DOCS)


def test_every_page_is_in_a_table_of_contents(conf: ModuleType) -> None:
    tables = conf.contents_of((DOCS / "index.md").read_text()).split("\n")

    assert {page.stem for page in DOCS.glob("*.md")} - {"index"} <= set(tables)


@pytest.mark.filterwarnings("ignore:.*:PendingDeprecationWarning", "ignore:.*:DeprecationWarning")  # of myst_parser
@pytest.mark.parametrize(("target", "code"), [("other.md", 0), ("nowhere.md", 1), ("other.md#nothing", 1)])
def test_a_link_that_leads_nowhere_fails_the_site(tmp_path: Path, target: str, code: int) -> None:
    (tmp_path / "conf.py").write_text((DOCS / "conf.py").read_text())
    (tmp_path / "index.md").write_text("# Index\n\n## Pages\n\n- [other](other.md)\n")
    (tmp_path / "other.md").write_text(f"# Other\n\n[one]({target})\n")

    assert sphinx([*SPHINX_OPTIONS, str(tmp_path), str(tmp_path / "site")]) == code
