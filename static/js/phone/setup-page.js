// The page that a call names in Call-Info (draft-ietf-sipping-cc-conferencing
// 4.3): a form of ours is shown beside the call and sent from there; a page of
// somebody else's server opens in a window of its own.

import { $ } from "../room/page.js";
import { gettext } from "../words.js";

/** What of a page of ours is shown: the sheet in its middle. */
async function sheetOf(response) {
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return document.adoptNode(page.querySelector("main .sheet"));
}

export class SetupPage {
  constructor(place) {
    this.place = place;
  }

  async open(url) {
    this.url = url;
    if (new URL(url).origin !== location.origin) return this._elsewhere();
    try {
      this._show(await sheetOf(await fetch(url, { credentials: "same-origin" })));
    } catch {
      this._elsewhere();
    }
  }

  close() {
    this.url = null;
    this.place.hidden = true;
    this.place.replaceChildren();
  }

  _show(sheet) {
    if (!this.url || !sheet) return;
    this.place.replaceChildren(sheet);
    this.place.hidden = false;
    const form = this.place.querySelector("form");
    form?.addEventListener("submit", (event) => {
      event.preventDefault();
      this._send(form, event.submitter);
    });
    (this.place.querySelector("[aria-invalid]") ?? this.place.querySelector("input:not([type=hidden])") ?? form?.querySelector("button"))?.focus();
  }

  /** Sends the form by that button of its, whose name says what is wanted. */
  async _send(form, submitter) {
    const body = new URLSearchParams(new FormData(form, submitter));
    const button = submitter ?? form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      this._show(await sheetOf(await fetch(this.url, { method: "POST", body })));
    } catch {
      button.disabled = false; // Offline: what was typed stays, to be sent again.
    }
  }

  _elsewhere() {
    const link = document.createElement("a");
    Object.assign(link, { href: this.url, target: "_blank", rel: "noopener noreferrer" });
    link.className = "btn btn-primary btn-wide";
    link.textContent = gettext("Open the page of this call");
    const sheet = document.createElement("div");
    sheet.className = "sheet";
    sheet.append(link);
    this.place.replaceChildren(sheet);
    this.place.hidden = false;
    // Without a click of the moment browsers may not let it; then there is the link.
    open(this.url, "_blank", "noopener,noreferrer");
    $("setup").scrollIntoView();
  }
}
