// The agent's silence in the conversation on screen, and the button that ends it.

import { callApi } from "./api.js";
import { byId, formatTime, setText } from "./dom.js";
import { poll } from "./polling.js";
import { whenPressed } from "./pressing.js";

const REASONS = { paused: "a person has this conversation", loop: "it was answering another machine" };

/** `current()` returns the id of the customer on screen, or null. */
export function startPause({ isConnected, current }) {
  const button = byId("resume");
  let paused = null;

  const refresh = poll({
    interval: 2000,
    load: async () => {
      const userId = current();
      if (!userId || !isConnected()) return null;
      const { conversations } = await callApi("GET", `conversations?userId=${encodeURIComponent(userId)}`);
      return conversations[0]?.paused ?? null;
    },
    show: (answer) => {
      paused = answer;
      byId("pause").hidden = !paused;
      if (!paused) return;
      const reason = paused.everywhere ? "all conversations are paused" : (REASONS[paused.because] ?? paused.because);
      setText(byId("pause-text"), `The agent is silent until ${formatTime(paused.until)}: ${reason}.`);
    },
    fail: () => {}, // the connection's area says what is wrong
  });

  whenPressed({
    target: button,
    event: "click",
    button,
    busyText: "Resuming…",
    error: byId("resume-error"),
    act: async () => {
      await callApi("POST", "resume", paused?.everywhere ? {} : { userId: current() });
      await refresh();
    },
  });
}
