// Starts the three areas and carries what one of them learns to the others.

import { startConnection } from "./connection.js";
import { startLogin } from "./login.js";
import { startMessages } from "./messages.js";
import { startPhone } from "./phone.js";

// On a narrow screen one area is shown at a time. The fragment names it, so the back button works.
function showArea() {
  const links = [...document.querySelectorAll(".switch a")];
  const current = links.find((link) => link.hash === location.hash) ?? links[0];
  for (const link of links) {
    if (link === current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  document.body.dataset.area = current.hash.slice(1);
}

window.addEventListener("hashchange", showArea);
showArea();

const connection = startConnection({ onStatus: (status) => phone.setConnection(status) });
const phone = startPhone({ onAccounts: connection.prefill });
startLogin();
startMessages({ nameOfUser: phone.nameOfUser });
