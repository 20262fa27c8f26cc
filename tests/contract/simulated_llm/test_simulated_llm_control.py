"""Steering an account while it runs."""

import httpx2
import openai
import pytest
from openai import AsyncOpenAI

from devstack.simulated_llm.control import SimulatedLlmControl, SimulatedLlmControlError
from devstack.simulated_llm.server import SimulatedLlmServer
from tests.contract.simulated_llm.calls import ask


async def test_faults_can_be_read_back_and_taken_away(
    server: SimulatedLlmServer, client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_faults({"kind": "hang", "hang_s": 5, "attempts": [1]}, {"kind": "conflict_409"})
    async with httpx2.AsyncClient() as http:
        rules = (await http.get(f"{server.origin}/faults")).json()
        assert [rule["kind"] for rule in rules] == ["hang", "conflict_409"]
        assert (rules[0]["hang_s"], rules[0]["attempts"]) == (5, [1])
        assert (await http.put(f"{server.origin}/faults", json=rules)).status_code == 200
        await http.delete(f"{server.origin}/faults")
        assert (await http.get(f"{server.origin}/faults")).json() == []
    await ask(client)


async def test_setting_the_faults_again_counts_their_first_calls_anew(
    client: AsyncOpenAI, simulated_llm: SimulatedLlmControl
) -> None:
    for _ in range(2):
        await simulated_llm.set_faults({"kind": "conflict_409", "first": 1})
        with pytest.raises(openai.ConflictError):
            await ask(client)
        await ask(client)


async def test_latency_limits_and_seed_can_be_read_back(
    server: SimulatedLlmServer, simulated_llm: SimulatedLlmControl
) -> None:
    await simulated_llm.set_latency("lognormal:0.8:0.4")
    await simulated_llm.set_limits(requests_per_minute=7)
    await simulated_llm.set_seed(42)
    async with httpx2.AsyncClient(base_url=server.origin) as http:
        assert (await http.get("/latency")).json() == {"latency": "lognormal:0.8:0.4"}
        assert (await http.get("/limits")).json()["requests_per_minute"] == 7
        assert (await http.get("/seed")).json() == {"seed": 42}


@pytest.mark.parametrize(
    ("path", "setting", "place"),
    [
        ("/faults", {"kind": "hang"}, "body"),
        ("/faults", [{"kind": "earthquake"}], "0"),
        ("/faults", [{"kind": "hang"}, {"kind": "length", "rate": 2}], "1.length.rate"),
        ("/latency", {"latency": "fast"}, "latency"),
        ("/latency", {}, "latency"),
        ("/limits", {"requests_per_minute": 0}, "requests_per_minute"),
        ("/limits", {"requests_per_hour": 1}, "requests_per_hour"),
        ("/seed", {"seed": "x"}, "seed"),
    ],
)
async def test_a_wrong_setting_is_400_names_its_place_and_changes_nothing(
    server: SimulatedLlmServer, path: str, setting: object, place: str
) -> None:
    async with httpx2.AsyncClient(base_url=server.origin) as http:
        before = (await http.get(path)).content
        answer = await http.put(path, json=setting)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == place
        assert place in answer.json()["error"]["message"]
        assert (await http.get(path)).content == before


async def test_the_control_says_why_a_setting_was_not_accepted(simulated_llm: SimulatedLlmControl) -> None:
    with pytest.raises(SimulatedLlmControlError, match="constant:SECONDS"):
        await simulated_llm.set_latency("fast")
