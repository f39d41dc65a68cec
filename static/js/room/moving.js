// "Take this call on my other phone" (RFC 4579 5.9): it rings there, and as soon
// as it is answered the call ends here.

import { Moderation } from "./moderation.js";
import { $, notice } from "./page.js";

/** What a phone is called where it says its name, and where it does not. */
function nameOf({ user_agent: name, transport }) {
  if (/^wss?$/i.test(transport)) return "Browser phone";
  return name || "A phone that gives no name";
}

export class Moving {
  constructor(api, csrf) {
    this.api = new Moderation(api, csrf);
  }

  start() {
    $("move").addEventListener("click", () => this._open());
  }

  async _open() {
    $("move-list").replaceChildren();
    $("move-words").textContent = "Looking for your phones…";
    $("move-dialog").showModal();
    try {
      this._list(await this.api.otherPhones());
    } catch (error) {
      $("move-words").textContent = error.message;
    }
  }

  _list(phones) {
    $("move-words").textContent = phones.length
      ? "The phone rings. When you answer it, the call goes on there and ends here."
      : "No other phone of yours is registered right now. Open the phone page on another device, or switch your desk phone on.";
    for (const phone of phones) {
      const item = $("move-phone").content.firstElementChild.cloneNode(true);
      item.querySelector("[data-part=name]").textContent = nameOf(phone);
      item.querySelector("[data-part=address]").textContent = phone.address;
      item.querySelector("button").addEventListener("click", () => this._to(phone));
      $("move-list").append(item);
    }
    $("move-list").querySelector("button")?.focus();
  }

  async _to(phone) {
    $("move-dialog").close();
    notice(`${nameOf(phone)} is ringing. Answer it there.`);
    try {
      await this.api.moveTo(phone.id);
    } catch (error) {
      notice(error.message, "bad");
    }
  }
}
