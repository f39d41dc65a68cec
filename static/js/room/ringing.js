// A call that comes in: who calls, a bell, and the two buttons.

import { $ } from "./page.js";
import { gettext } from "../words.js";

/** Two tones for half a second, every three seconds: a bell that is heard and not hated. */
const BELL = { tones: [587, 784], beat: 3_000, length: 0.5, gain: 0.12 };

function words(by, conference) {
  if (!conference) return gettext("Answer to talk.");
  return by ? gettext("%(who)s asks you to join.", { who: by }) : gettext("Answer to join.");
}

export class Ringing {
  constructor({ accept, decline }) {
    this.accept = accept;
    this.decline = decline;
  }

  start() {
    $("ring-accept").addEventListener("click", () => this._answer(this.accept));
    $("ring-decline").addEventListener("click", () => this._answer(this.decline));
    // Escape would close the window and leave the bell ringing at the other end.
    $("ring").addEventListener("cancel", (event) => event.preventDefault());
  }

  /** `title` calls, a conference or a person; `by` is who asked for it, where that is known. */
  show({ title, by, conference }) {
    const calling = gettext("%(title)s is calling", { title });
    $("ring-title").textContent = calling;
    $("ring-by").textContent = words(by, conference);
    if (!$("ring").open) $("ring").showModal();
    $("ring-accept").focus();
    this.before ??= document.title;
    document.title = `☎ ${calling}`;
    this._bell();
    this.timer = setInterval(() => this._bell(), BELL.beat);
  }

  hide() {
    clearInterval(this.timer);
    if ($("ring").open) $("ring").close();
    if (this.before) document.title = this.before;
    this.before = null;
  }

  _answer(act) {
    this.hide();
    act();
  }

  /** Silent where the browser has not been touched yet; the window and the title still ring. */
  _bell() {
    this.context ??= new AudioContext();
    const start = this.context.currentTime;
    for (const [index, frequency] of BELL.tones.entries()) {
      const tone = new OscillatorNode(this.context, { frequency });
      const gain = new GainNode(this.context, { gain: 0 });
      const from = start + index * BELL.length;
      gain.gain.setValueAtTime(0, from);
      gain.gain.linearRampToValueAtTime(BELL.gain, from + 0.02);
      gain.gain.linearRampToValueAtTime(0, from + BELL.length);
      tone.connect(gain).connect(this.context.destination);
      tone.start(from);
      tone.stop(from + BELL.length);
    }
  }
}
