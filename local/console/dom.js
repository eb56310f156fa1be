// Changing the page in place: what did not change is not touched, so focus, selection and scroll survive.
// Data only ever becomes text or a checked link.

export const byId = (id) => document.getElementById(id);

export const part = (node, name) => node.querySelector(`[data-part="${name}"]`);

export const clone = (templateId) => byId(templateId).content.firstElementChild.cloneNode(true);

export function element(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

/** Writes only a change: a live region would otherwise speak the same words at every poll. */
export function setText(node, text) {
  const wanted = text ?? "";
  if (node.textContent !== wanted) node.textContent = wanted;
}

/** Makes the children of `parent` match `items`, reusing the node that was made for the same key. */
export function reconcile(parent, items, { key, create, update }) {
  const wanted = new Map(items.map((item) => [String(key(item)), item]));
  const existing = new Map();
  for (const node of [...parent.children]) {
    if (wanted.has(node.dataset.key)) existing.set(node.dataset.key, node);
    else node.remove();
  }
  let place = parent.firstElementChild;
  for (const [name, item] of wanted) {
    let node = existing.get(name);
    if (!node) {
      node = create(item);
      node.dataset.key = name;
    }
    update(node, item);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
}

/** Shows a failure with its details; null clears it. */
export function showError(node, error) {
  if (!error) return node.replaceChildren();
  const lines = describeDetails(error.details);
  const list = element("ul");
  list.append(...lines.map((line) => element("li", { textContent: line })));
  node.replaceChildren(element("p", { textContent: error.message }), ...(lines.length ? [list] : []));
}

// `details` is a list of strings, a list of {field, message}, or an object of names and values.
function describeDetails(details) {
  if (details === null || details === undefined) return [];
  if (typeof details !== "object") return [String(details)];
  if (!Array.isArray(details)) return Object.entries(details).map(([name, value]) => `${name}: ${plain(value)}`);
  return details.map((detail) => {
    if (typeof detail !== "object" || detail === null) return String(detail);
    const where = detail.field ?? detail.loc;
    const what = detail.message ?? detail.msg ?? detail.reason;
    if (!what) return plain(detail);
    return where ? `${Array.isArray(where) ? where.join(".") : where}: ${what}` : what;
  });
}

const plain = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));

/** `url` if it is a web address, else null: a stored "javascript:" must never become a link. */
export function webUrl(url) {
  const parsed = URL.parse?.(url) ?? null;
  return parsed && ["http:", "https:"].includes(parsed.protocol) ? parsed.href : null;
}

/** Names an attachment: its kind, its title, and the titles of its cards, or its coordinates. */
function nameAttachment({ kind, type, title, cards, coordinates }) {
  const place = coordinates && `${coordinates.latitude}, ${coordinates.longitude}`;
  const words = [title, place, ...(cards ?? []).map((card) => card.title)].filter(Boolean);
  return [kind ?? type ?? "attachment", words.join(" · ")].filter(Boolean).join(": ");
}

/** Attachments are named and linked, never loaded: the page stays off the network. */
export function showAttachments(list, attachments) {
  const items = (attachments ?? []).map((attachment, index) => ({
    index,
    kind: nameAttachment(attachment),
    url: webUrl(attachment.url ?? attachment.payload?.url),
  }));
  reconcile(list, items, {
    key: ({ index, kind, url }) => `${index} ${kind} ${url}`,
    create: ({ kind, url }) => {
      const entry = element("li");
      const link = { href: url, target: "_blank", rel: "noopener noreferrer" };
      entry.append(element(url ? "a" : "span", { textContent: kind, ...(url && link) }));
      return entry;
    },
    update: () => {},
  });
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const clockWithSeconds = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** A moment in the reader's zone, short: the day is left out when it is today. */
export function formatTime(value, { seconds = false } = {}) {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return "";
  const time = (seconds ? clockWithSeconds : clock).format(date);
  return date.toDateString() === new Date().toDateString() ? time : `${day.format(date)}, ${time}`;
}

export function showTime(node, value, options) {
  setText(node, formatTime(value, options));
  const date = new Date(value);
  if (!Number.isNaN(date.getTime())) node.dateTime = date.toISOString();
}
