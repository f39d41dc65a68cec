// Sounds that moderators play to everybody: chosen, added, stopped; and the line
// that tells everybody what is being played, and who plays it.

import { gettext } from "../words.js";
import { Moderation } from "./moderation.js";
import { $, notice, say } from "./page.js";

function length(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** What everybody reads; `sound` is `{title, by}`, or null. */
export function showSound(sound) {
  const words = sound
    ? gettext("%(who)s plays “%(title)s” to everybody.", { who: sound.by, title: sound.title })
    : "";
  if ($("sounding-words").textContent !== words) {
    $("sounding-words").textContent = words;
    if (words) say(words);
  }
  $("sounding").hidden = !sound;
}

export class Sounds {
  constructor(api, csrf) {
    this.api = new Moderation(api, csrf);
  }

  start() {
    $("sounds").addEventListener("click", () => this._open());
    $("sounding-stop").addEventListener("click", () => this._try(() => this.api.stopSound()));
    $("sound-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this._add();
    });
  }

  async _open() {
    $("sound-error").textContent = "";
    $("sounds-dialog").showModal();
    await this._look();
  }

  async _look() {
    try {
      this._list(await this.api.sounds());
    } catch (error) {
      $("sound-error").textContent = error.message;
    }
  }

  _list(sounds) {
    $("sounds-none").hidden = sounds.length > 0;
    $("sounds-list").replaceChildren(...sounds.map((sound) => this._row(sound)));
  }

  _row(sound) {
    const item = $("sound-row").content.firstElementChild.cloneNode(true);
    const part = (name) => item.querySelector(`[data-part="${name}"]`);
    const { title } = sound;
    part("title").textContent = title;
    part("length").textContent = length(sound.seconds);
    part("play").setAttribute("aria-label", gettext("Play “%(title)s” to everybody", { title }));
    part("play").addEventListener("click", () => {
      $("sounds-dialog").close();
      this._try(() => this.api.playSound(sound.id));
    });
    part("delete").setAttribute("aria-label", gettext("Delete “%(title)s”", { title }));
    part("delete").addEventListener("click", async () => {
      await this._try(() => this.api.deleteSound(sound.id));
      await this._look();
      $("sound-file").focus();
    });
    return item;
  }

  async _add() {
    const [file] = $("sound-file").files;
    if (!file) {
      $("sound-error").textContent = gettext("Choose a file first.");
      return;
    }
    $("sound-add").disabled = true;
    $("sound-error").textContent = gettext("Looking at the file…");
    try {
      await this.api.addSound(file);
      $("sound-form").reset();
      $("sound-error").textContent = "";
    } catch (error) {
      $("sound-error").textContent = error.message;
    }
    $("sound-add").disabled = false;
    await this._look();
  }

  async _try(act) {
    try {
      await act();
    } catch (error) {
      notice(error.message, "bad");
    }
  }
}
