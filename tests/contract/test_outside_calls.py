"""Who speaks to the outside: one module, for the two companies whose addresses the deployment names."""

from tests.contract.test_structure import MODULES, imports, within

HTTP = {"requests", "urllib3", "urllib.request", "http.client", "httpx", "aiohttp", "socket"}


def importers(names: set[str]) -> set[str]:
    """Return the modules of ours that import one of these."""
    return {module for module, path in MODULES.items() if any(within(name, names) for name in imports(path))}


def test_e13_two_modules_speak_http_so_that_no_strangers_url_is_ever_opened():
    """One to Meta and Retell; one to the issuer of the callers' tokens, whose address the operator has stored."""
    assert importers(HTTP) == {"connector.transport", "connector.key_set"}


def test_e13_only_the_clients_of_meta_and_of_the_agent_use_it():
    assert importers({"connector.transport"}) == {
        "connector.agents.retell",
        "connector.agents.retell_errors",
        "connector.instagram.errors",
        "connector.instagram.graph",
        "connector.instagram.oauth",
        "connector.instagram.proving",
    }
