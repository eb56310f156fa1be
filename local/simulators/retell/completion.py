"""One completion: the user's message goes in, the agent's messages come out."""

import json

from local.simulators.retell.chats import Chat, Chats, Json, Question
from local.simulators.retell.faults import RetellFaults
from local.simulators.retell.persona import Speech, speak
from local.simulators.retell.simulation import Simulation, find_chat, find_ongoing_chat


def complete(simulation: Simulation, chat_id: str, content: str) -> tuple[list[Json], bool]:
    """Return the new messages and whether the answer is to be lost on its way.

    The user's message is in the chat while the agent still thinks, so that whoever lost patience can see
    there that it arrived.
    """
    with simulation.state.change() as chats:
        with simulation.faults.open() as faults:
            chat = find_ongoing_chat(chats, chat_id, faults)
            faults.refuse_completion()
        chat.add("user", content=content)
        chat.completions += 1
        question = Question(content, chat.turn)
        chat.thinking.append(question)
    simulation.faults.delay(lambda faults: faults.delay_seconds)
    with simulation.state.change() as chats:
        chat = find_chat(chats, chat_id)  # it may have been deleted meanwhile
        chat.thinking.remove(question)
        with simulation.faults.open() as faults:
            messages = [] if faults.take_empty_answer() else _answer(chats, chat, question, faults)
            return messages, faults.take_lost_answer()


def finish_thinking(simulation: Simulation) -> None:
    """Answer what an earlier process was asked before it died.

    Retell does not die with those who call it: who asked, and was killed, finds the answer in the chat.
    """
    with simulation.state.change() as chats, simulation.faults.open() as faults:
        for chat in chats.chats.values():
            while chat.thinking:
                _answer(chats, chat, chat.thinking.pop(0), faults)


def _answer(chats: Chats, chat: Chat, question: Question, faults: RetellFaults) -> list[Json]:
    scripted = chats.scripted_answers.pop(0) if chats.scripted_answers else None
    if isinstance(scripted, list):
        return _scripted_entries(chat, scripted)
    speech = Speech(scripted) if scripted is not None else speak(question.content, question.turn)
    messages = _preparations(chat) if faults.extra_messages else []
    messages.append(chat.add("agent", content=speech.text))
    if faults.extra_messages:
        messages.append(chat.add("agent", content="Is there anything else I can do for you?"))
    if speech.ends_chat:
        messages.append(_invocation(chat, "end_call", {}))
        chat.end()
    return messages


def _scripted_entries(chat: Chat, scripted: list[Json]) -> list[Json]:
    entries = [chat.add(**{"role": "agent"} | entry) for entry in scripted]
    if any("end_call" in (entry.get("type"), entry.get("name")) for entry in entries):
        chat.end()
    return entries


def _preparations(chat: Chat) -> list[Json]:
    """Add what an agent with tools and a conversation flow does before it speaks."""
    asked = _invocation(chat, "look_up_stock", {"item": "beans"})
    result = chat.add(
        "tool_call_result", tool_call_id=asked["tool_call_id"], content='{"in_stock":true}', successful=True
    )
    moved = chat.add(
        "node_transition",
        former_node_id="node_1",
        former_node_name="Welcome",
        new_node_id="node_2",
        new_node_name="Counter",
        transition_type="normal",
    )
    return [asked, result, moved]


def _invocation(chat: Chat, name: str, arguments: Json) -> Json:
    kind = name if name == "end_call" else "custom"
    number = len(chat.messages)
    return chat.add(
        "tool_call_invocation",
        tool_call_id=f"tool_{number}",
        name=name,
        type=kind,
        arguments=json.dumps(arguments),
    )
