// The connection of the agent to its Instagram account: status, connect, disconnect.

import { callApi } from "./api.js";
import { showChecks, startDoctor } from "./doctor.js";
import { byId, element, formatTime, reconcile, setText } from "./dom.js";
import { showLinks, startLinks } from "./links.js";
import { poll } from "./polling.js";
import { whenPressed } from "./pressing.js";

export function startConnection({ onStatus }) {
  const form = byId("connect-form");
  const disconnect = byId("disconnect");

  const refresh = poll({
    load: () => callApi("GET", "status"),
    show: (status) => {
      setText(byId("connection-notice"), "");
      showStatus(status);
      onStatus(status);
    },
    fail: (error) => {
      setText(byId("connection-notice"), error.message);
      setBadge(error.unreachable ? "Not reachable" : "Status unknown", "bad");
    },
  });

  whenPressed({
    target: form,
    event: "submit",
    button: form.querySelector("[type=submit]"),
    busyText: "Connecting…",
    error: byId("connect-error"),
    act: async () => {
      const values = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
      await callApi("POST", "connect", values);
      await refresh();
      followFocus();
    },
  });

  whenPressed({
    target: disconnect,
    event: "click",
    button: disconnect,
    busyText: "Disconnecting…",
    error: byId("disconnect-error"),
    act: async () => {
      await callApi("POST", "disconnect");
      await refresh();
      followFocus();
    },
  });

  startDoctor({ refresh });
  startLinks();

  byId("reveal-token").addEventListener("click", ({ currentTarget }) => {
    const show = currentTarget.getAttribute("aria-pressed") === "false";
    currentTarget.setAttribute("aria-pressed", String(show));
    setText(currentTarget, show ? "Hide" : "Show");
    form.elements.accessToken.type = show ? "text" : "password";
  });

  return { prefill: (accounts) => prefill(form, accounts) };
}

// The pressed button has just disappeared with its half of the area; go on at the heading of the other half.
function followFocus() {
  const focused = document.activeElement;
  const lost = !focused || focused === document.body || !focused.checkVisibility();
  const heading = byId(byId("connected").hidden ? "connect-heading" : "connected-heading");
  if (lost) heading.focus(); // does nothing while a narrow screen shows another area
}

/** Fills what nobody has typed yet with the simulator's first account. */
function prefill(form, [account]) {
  if (!account) return;
  const values = {
    accessToken: account.accessToken,
    instagramAccountId: account.instagramAccountId,
    pageId: account.pageId,
    webhookVerificationToken: account.webhookVerificationToken ?? randomToken(),
  };
  for (const [name, value] of Object.entries(values)) {
    const field = form.elements[name];
    if (field.dataset.prefilled || field.value || document.activeElement === field) continue;
    field.value = value ?? "";
    field.dataset.prefilled = "true"; // a field that was emptied on purpose stays empty
  }
}

const randomToken = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

function showStatus(status) {
  const { isConnected, username } = status;
  byId("connect-form").hidden = isConnected;
  byId("connected").hidden = !isConnected;
  const isWell = !status.checks.some((check) => check.outcome === "failed");
  if (status.reauthorizationRequired) setBadge("Connect again", "bad");
  else if (!isConnected) setBadge("Not connected", "neutral");
  else setBadge(username ? `Connected as @${username}` : "Connected", isWell ? "good" : "warn");
  if (isConnected) showLinks(status);
  showProblem(status.problem ?? status.checks.find((check) => check.outcome === "failed"));
  showChecks(status.checks);
  showFacts(status);
}

function showProblem(problem) {
  byId("problem").hidden = !problem;
  setText(byId("problem-message"), problem?.message);
  setText(byId("problem-remedy"), problem?.remedy);
}

function setBadge(text, tone) {
  const badge = byId("badge");
  setText(badge, text);
  badge.dataset.tone = tone;
}

function showFacts(status) {
  const facts = [
    ["Status", status.status],
    ["Instagram account", status.instagramAccountId],
    ["Facebook Page", status.pageId],
    ["Connected since", status.connectedAt && formatTime(status.connectedAt, { seconds: true })],
    ["Login", status.login],
    ["Permissions", status.permissions?.join(", ")],
    ["Access token ends", status.tokenExpiresAt && formatTime(status.tokenExpiresAt)],
    ["It is renewed", status.nextRefreshAt && formatTime(status.nextRefreshAt)],
    ["Last event", status.lastEventAt && formatTime(status.lastEventAt, { seconds: true })],
    ["All conversations paused until", status.pausedUntil && formatTime(status.pausedUntil)],
    ["Webhook path", status.webhookPath],
  ].filter(([, value]) => value);
  reconcile(byId("connection-facts"), facts, {
    key: ([name]) => name,
    create: ([name]) => {
      const row = element("div");
      row.append(element("dt", { textContent: name }), element("dd"));
      return row;
    },
    update: (row, [, value]) => setText(row.lastElementChild, value),
  });
}
