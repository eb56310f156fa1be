// The doctor: everything that must be right, why it is not, and what mends it.

import { callApi } from "./api.js";
import { byId, clone, part, reconcile, setText } from "./dom.js";
import { whenPressed } from "./pressing.js";

const NAMES = {
  token: "Access token",
  permissions: "Permissions",
  account: "Account",
  pageLink: "Page link",
  messageAccess: "Access to messages",
  subscription: "Subscription",
  reactions: "Reactions",
  edits: "Edits",
  reads: "Read receipts",
  referrals: "Referrals",
  handovers: "Handovers",
  standby: "Standby",
  agent: "Agent",
  webhook: "Webhook",
  lastError: "Last error",
};
const TONES = { passed: "good", failed: "bad", unknown: "warn", warning: "warn" };

/** What is found now is stored, so the status that is asked next shows it. */
export function startDoctor({ refresh }) {
  const button = byId("check-now");
  whenPressed({
    target: button,
    event: "click",
    button,
    busyText: "Checking…",
    error: byId("check-error"),
    act: async () => {
      await callApi("GET", "status?live=true");
      await refresh();
    },
  });
}

export function showChecks(checks) {
  byId("doctor").hidden = checks.length === 0;
  reconcile(byId("checks"), checks, {
    key: ({ name }) => name,
    create: () => clone("check-template"),
    update: (row, check) => {
      const outcome = part(row, "outcome");
      setText(outcome, check.outcome);
      outcome.dataset.tone = TONES[check.outcome] ?? "neutral";
      setText(part(row, "name"), NAMES[check.name] ?? check.name);
      setText(part(row, "age"), check.ageSeconds === null ? "" : describeAge(check.ageSeconds));
      setText(part(row, "message"), check.message);
      setText(part(row, "remedy"), check.remedy);
    },
  });
}

function describeAge(seconds) {
  for (const [unit, length] of [["d", 86_400], ["h", 3600], ["min", 60]]) {
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit} ago`;
  }
  return "just now";
}
