// What the connector has stored, newest first.

import { callApi } from "./api.js";
import { byId, clone, part, reconcile, setText, showAttachments, showTime } from "./dom.js";
import { poll } from "./polling.js";

const ROLES = { user: "Customer", agent: "Agent", human: "Person" };
const NEEDS_A_LOOK = /fail|error|unknown|skip|expired|dead/i;

export function startMessages({ nameOfUser }) {
  const older = byId("load-older");
  const notice = byId("stored-notice");
  let known = { messages: [], nextCursor: null };
  let loading = false;

  function show() {
    const { messages, nextCursor } = known;
    holdScroll(byId("stored-scroller"), byId("stored-list"), () =>
      reconcile(byId("stored-list"), messages, {
        key: ({ id }) => id,
        create: createRecord,
        update: (record, message) => updateRecord(record, message, nameOfUser),
      }),
    );
    byId("stored-empty").hidden = messages.length > 0;
    older.hidden = nextCursor === null;
  }

  poll({
    load: () => callApi("GET", "messages"),
    show: (page) => {
      setText(notice, "");
      known = withNewestPage(known, page);
      show();
    },
    fail: (error) => setText(notice, error.message),
  });

  older.addEventListener("click", async () => {
    if (loading) return;
    loading = true;
    setText(older, "Loading…");
    const cursor = known.nextCursor;
    try {
      const page = await callApi("GET", `messages?cursor=${encodeURIComponent(cursor)}`);
      // Started over meanwhile (see below): this page no longer follows on what is shown.
      if (known.nextCursor !== cursor) return;
      known = { messages: [...known.messages, ...page.messages], nextCursor: page.nextCursor };
      show();
    } catch (error) {
      setText(notice, error.message);
    } finally {
      loading = false;
      setText(older, "Load older");
    }
  });
}

/** Puts a fresh first page in front of the older pages that were already loaded. */
function withNewestPage(known, page) {
  if (page.nextCursor === null) return page;
  const seam = known.messages.findIndex(({ id }) => id === page.messages.at(-1)?.id);
  // Without an overlap there may be a gap between the two, so start over from the new page.
  if (seam < 0) return page;
  const tail = known.messages.slice(seam + 1);
  return { messages: [...page.messages, ...tail], nextCursor: known.nextCursor };
}

function createRecord({ role }) {
  const record = clone("stored-template");
  record.dataset.role = role;
  setText(part(record, "role"), ROLES[role] ?? role);
  return record;
}

function updateRecord(record, { userId, text, attachments, status, error, createdAt }, nameOfUser) {
  const line = part(record, "text");
  const bare = !text && !attachments?.length;
  line.hidden = !text && !bare;
  line.classList.toggle("absent", bare);
  setText(line, bare ? "No text" : text);
  setText(part(record, "user"), nameOfUser(userId));
  showTime(part(record, "time"), createdAt, { seconds: true });
  showAttachments(part(record, "attachments"), attachments);
  setText(part(record, "error"), error?.message);
  setText(part(record, "remedy"), error?.remedy);
  const badge = part(record, "status");
  badge.hidden = !status;
  badge.dataset.tone = NEEDS_A_LOOK.test(status ?? "") ? "warn" : "neutral";
  setText(badge, status?.replaceAll("_", " "));
}

/** New records come in at the top: what is being read further down must not move. */
function holdScroll(scroller, list, update) {
  const top = scroller.getBoundingClientRect().top;
  const anchor = scroller.scrollTop > 0 && [...list.children].find((child) => child.getBoundingClientRect().bottom > top);
  const before = anchor && anchor.getBoundingClientRect().top;
  update();
  if (anchor?.isConnected) scroller.scrollTop += anchor.getBoundingClientRect().top - before;
}
