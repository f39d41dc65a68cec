// The chat of a conference: texts by MESSAGE to its URI (RFC 3428), which reach
// everybody else who is in, whatever phone he has. Nothing of it is kept.

import { $, notice, say } from "./page.js";
import { gettext, locale, ngettext } from "../words.js";

const LINK = /https?:\/\/\S+/;

/** A text as elements: what is a link in it can be followed. */
export function worded(text) {
  const found = LINK.exec(text);
  if (!found) return [text];
  const link = document.createElement("a");
  Object.assign(link, { href: found[0], textContent: found[0], target: "_blank", rel: "noopener noreferrer" });
  const after = found.index + found[0].length;
  return [text.slice(0, found.index), link, ...(after < text.length ? worded(text.slice(after)) : [])];
}

export class Chat {
  /** `uri` is the conference's. */
  constructor(uri) {
    this.uri = uri;
    this.unread = 0;
  }

  start() {
    $("chat-button").addEventListener("click", () => this._show($("chat").hidden));
    $("chat-close").addEventListener("click", () => this._show(false));
    $("chat").addEventListener("keydown", (event) => {
      if (event.key === "Escape") this._show(false);
    });
    $("chat-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this._send();
    });
  }

  /** From now on texts go and come by `phone`. */
  attach(phone) {
    this.phone = phone;
    phone.addEventListener("text", ({ detail }) => {
      if (phone === this.phone && detail.to === this.uri) this._came(detail);
    });
  }

  _show(open) {
    $("chat").hidden = !open;
    $("chat-button").setAttribute("aria-expanded", String(open));
    if (open) {
      this._count(0);
      $("chat-text").focus();
    } else $("chat-button").focus();
  }

  _count(unread) {
    this.unread = unread;
    $("chat-unread").hidden = unread === 0;
    $("chat-unread").textContent = String(unread);
    const words = ngettext("%(count)s unread", "%(count)s unread", unread);
    $("chat-unread-words").textContent = unread ? ` (${words})` : "";
  }

  _came({ name, text }) {
    this._add(name, text);
    if (!$("chat").hidden) return;
    this._count(this.unread + 1);
    say(gettext("%(name)s writes: %(text)s", { name, text }));
  }

  async _send() {
    const text = $("chat-text").value.trim();
    if (!text) return;
    $("chat-text").value = "";
    try {
      await this.phone.text(this.uri, text);
      this._add(gettext("You"), text);
    } catch {
      $("chat-text").value ||= text;
      notice(gettext("The text was not sent."), "warn");
    }
  }

  _add(name, text) {
    const line = $("chat-line").content.firstElementChild.cloneNode(true);
    line.querySelector("[data-part=name]").textContent = name;
    line.querySelector("time").textContent = new Date().toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" });
    line.querySelector("[data-part=text]").append(...worded(text));
    $("chat-list").append(line);
    line.scrollIntoView({ block: "nearest" });
  }
}
