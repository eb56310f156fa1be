// What leads a customer to the account: its profile and its direct messages, each with a QR code.

import { callApi } from "./api.js";
import { byId, setText, webUrl } from "./dom.js";
import { whenPressed } from "./pressing.js";
import { simulatorUrl } from "./simulator.js";

export function startLinks() {
  simulatorUrl().then((url) => (byId("profile-note").hidden = !url)).catch(() => {}); // the status says that nothing answers
  const form = byId("direct-message-form");
  whenPressed({
    target: form,
    event: "submit",
    button: form.querySelector("[type=submit]"),
    busyText: "Making it…",
    error: byId("direct-message-error"),
    act: async () => {
      const ref = encodeURIComponent(form.elements.ref.value.trim());
      const status = await callApi("GET", `status?ref=${ref}`);
      showLink(byId("direct-message-link"), status.directMessageUrl, status.directMessageUrl);
      showPicture(byId("direct-message-qr-code"), status.directMessageQrCodeDataUrl);
    },
  });
}

export function showLinks({ username, instagramUrl, qrCodeDataUrl, directMessageUrl }) {
  showPicture(byId("qr-code"), qrCodeDataUrl);
  showLink(byId("profile-link"), instagramUrl, `@${username}`);
  if (byId("direct-message-link").href.split("?")[0] !== directMessageUrl) forgetDirectMessage(); // of another account
}

function forgetDirectMessage() {
  showLink(byId("direct-message-link"), null);
  showPicture(byId("direct-message-qr-code"), null);
}

function showPicture(image, dataUrl) {
  const source = dataUrl?.startsWith("data:image/") ? dataUrl : null;
  image.hidden = !source;
  if (source && image.getAttribute("src") !== source) image.src = source;
}

function showLink(link, url, text) {
  const address = webUrl(url);
  link.hidden = !address;
  if (address) link.href = address;
  setText(link, address && text);
}
