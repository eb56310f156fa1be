// Buttons and forms that start something which takes a while.

import { setText, showError } from "./dom.js";

/** One action at a time. The button stays focusable while busy: disabling it would drop the focus. */
export function whenPressed({ target, event, button, busyText, error, act }) {
  const restText = button.textContent;
  target.addEventListener(event, async (occurrence) => {
    occurrence.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    setText(button, busyText);
    showError(error, null);
    try {
      await act();
    } catch (failure) {
      showError(error, failure);
    } finally {
      button.removeAttribute("aria-disabled");
      setText(button, restText);
    }
  });
}
