// Connecting by a login at Meta, in a window of its own. The connection's poll sees what comes of it.

import { callApi } from "./api.js";
import { byId, showError } from "./dom.js";
import { simulatorUrl } from "./simulator.js";

export function startLogin() {
  for (const login of ["instagram", "facebook"]) byId(`login-${login}`).addEventListener("click", () => logIn(login));
}

async function logIn(login) {
  const dialog = window.open("", "login"); // at once: a window that opens after waiting counts as an advertisement
  showError(byId("login-error"), null);
  try {
    if (!dialog) throw new Error("Allow this page to open windows, and press again.");
    const { url } = await callApi("GET", `authorize?login=${login}`);
    // The simulated dialog lets you choose who logs in, if it is told to.
    dialog.location = (await simulatorUrl()) ? `${url}&simulator_answer=ask` : url;
  } catch (failure) {
    dialog?.close();
    showError(byId("login-error"), failure);
  }
}
