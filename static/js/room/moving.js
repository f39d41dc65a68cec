// "Take this call on my other phone" (RFC 4579 5.9): it rings there, and as soon
// as it is answered the call ends here.

import { Moderation } from "./moderation.js";
import { $, notice } from "./page.js";
import { gettext } from "../words.js";

const AGAIN_MS = 2_000;

/** What a phone is called where it says its name, and where it does not. */
function nameOf({ user_agent: name, transport }) {
  if (/^wss?$/i.test(transport)) return gettext("Browser phone");
  return name || gettext("A phone that gives no name");
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
    $("move-words").textContent = gettext("Looking for your phones…");
    $("move-dialog").showModal();
    await this._look();
  }

  /** Shows the phones that are on; while there are none, it looks again: one may be switched on. */
  async _look() {
    let phones = [];
    try {
      phones = await this.api.otherPhones();
      this._list(phones);
    } catch (error) {
      $("move-words").textContent = error.message;
    }
    if (!phones.length) setTimeout(() => $("move-dialog").open && this._look(), AGAIN_MS);
  }

  _list(phones) {
    const words = phones.length
      ? gettext("The phone rings. When you answer it, the call goes on there and ends here.")
      : gettext("No other phone of yours is registered right now. Open the phone page on another device, or switch your desk phone on.");
    // Said once, however often it is looked.
    if ($("move-words").textContent !== words) $("move-words").textContent = words;
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
    notice(gettext("%(phone)s is ringing. Answer it there.", { phone: nameOf(phone) }));
    try {
      await this.api.moveTo(phone.id);
    } catch (error) {
      notice(error.message, "bad");
    }
  }
}
