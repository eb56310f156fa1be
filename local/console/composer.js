// A box to write a message in. Enter sends, Shift+Enter begins a new line.

import { setText, showError } from "./dom.js";

/** `send(text)` is called for one message after the other, in the order they were written. */
export function startComposer(form, send) {
  const field = form.elements.text;
  const alert = form.querySelector("[role=alert]");
  let last = Promise.resolve();

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (!text) return;
    // Cleared at once, so that the next message can be typed while this one is under way.
    field.value = "";
    field.focus();
    setText(alert, "");
    const deliver = send(text);
    last = last.then(deliver).catch((error) => {
      field.value = field.value ? `${text}\n${field.value}` : text;
      showError(alert, error);
    });
  });

  field.addEventListener("input", () => setText(alert, ""));

  field.addEventListener("keydown", (event) => {
    // While an input method composes, Enter picks a word.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
}
