// The name that a guest types, and the PIN: what has to be said before one may
// call. `Entry.pass()` resolves to the phone's credentials (null where the page
// has them already), or throws what is to be shown.

import { $ } from "./page.js";
import { gettext } from "../words.js";

/** The door stays shut; `title` and `text` say why. */
export class Shut extends Error {
  constructor({ title, text, refusal }) {
    super(title);
    Object.assign(this, { title, text, refusal });
  }
}

/** Something that was typed has to be mended; it stands at its field. */
export class Mend extends Error {}

export class Entry {
  constructor(url, csrf) {
    this.url = url;
    this.csrf = csrf;
    this.name = $("name");
    this.pin = $("pin");
    this.passed = false;
    this.admitted = this.name?.value ?? "";
  }

  get needed() {
    const renamed = this.name && this.name.value.trim() !== this.admitted;
    const asked = this.pin && !this.pin.closest("[data-entry]").hidden;
    return Boolean(this.name && !this.admitted) || Boolean(renamed) || Boolean(asked && !this.passed);
  }

  async pass() {
    if (!this.needed) return null;
    this._clear();
    const body = new URLSearchParams();
    if (this.name) body.set("display_name", this.name.value.trim());
    if (this.pin) body.set("pin", this.pin.value.trim());
    const answer = await this._ask(body);
    this.passed = true;
    this.admitted = this.name?.value.trim() ?? "";
    if (this.pin) this.pin.closest("[data-entry]").hidden = true;
    return answer.phone;
  }

  async _ask(body) {
    let response;
    try {
      response = await fetch(this.url, {
        method: "POST",
        body,
        credentials: "same-origin",
        headers: { "X-CSRFToken": this.csrf },
      });
    } catch {
      throw new Shut({
        title: gettext("No connection"),
        text: gettext("Parley cannot be reached. Check your network, then try again."),
      });
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    if (answer.errors) throw this._mark(answer.errors);
    throw new Shut({
      title: answer.title ?? gettext("Joining did not work"),
      text: answer.text ?? gettext("Load the page again and try once more."),
      refusal: answer.refusal,
    });
  }

  _clear() {
    for (const field of [this.name, this.pin]) {
      if (!field) continue;
      field.removeAttribute("aria-invalid");
      $(`${field.id}-error`).textContent = "";
    }
  }

  _mark(errors) {
    let first = null;
    for (const [field, words] of [[this.pin, errors.pin], [this.name, errors.display_name]]) {
      if (!field || !words) continue;
      field.closest("[data-entry]").hidden = false;
      field.setAttribute("aria-invalid", "true");
      $(`${field.id}-error`).textContent = words;
      first = field;
    }
    first?.focus();
    return new Mend();
  }
}
