// The moderators' buttons and dialogs. They exist only in the pages of people
// who may moderate; the API refuses everybody else anyway.

import { Moderation } from "./moderation.js";
import { $, notice, setIcon } from "./page.js";
import { phoneWords } from "./words.js";
import { gettext } from "../words.js";

/** Roles that "mute all" leaves alone. */
const COMMANDS = new Set(["organizer", "co-organizer", "moderator"]);

export class Hosting {
  /** `roster()` is the one that was told last. */
  constructor(api, csrf, roster) {
    this.api = new Moderation(api, csrf);
    this.roster = roster;
    this.removing = null;
    this.recording = "";
  }

  start() {
    $("keep-waiting").addEventListener("click", () =>
      this.try(() => this.api.setWaitingRoom(this.roster().waitingRoom ? "none" : "let-in")),
    );
    $("lock").addEventListener("click", () => this.try(() => this.api.setLocked(!this.roster().locked)));
    $("mute-all").addEventListener("click", () => $("mute-dialog").showModal());
    $("mute-form").addEventListener("submit", (event) => {
      event.preventDefault();
      $("mute-dialog").close();
      const how = { newcomers: $("mute-newcomers").checked, mayUnmute: $("mute-may-unmute").checked };
      this.try(() => this.api.muteAll([], how));
    });
    $("newcomers").addEventListener("click", () =>
      this.try(() => this.api.setNewcomers(this.roster().newcomers === "heard" ? "muted" : "heard")),
    );
    $("mute-others").addEventListener("click", () => this._chooseSpared());
    $("spare-form").addEventListener("submit", (event) => {
      event.preventDefault();
      $("spare-dialog").close();
      const spared = [...$("spare-list").querySelectorAll("input:checked")];
      this.try(() => this.api.muteAll(spared.map(({ value }) => value)));
    });
    $("lower-hands").addEventListener("click", () => this.try(() => this.api.lowerHands()));
    $("record").addEventListener("click", () =>
      this.try(() => this.api.record(this.recording ? "stop" : "start")),
    );
    $("pause").addEventListener("click", () =>
      this.try(() => this.api.record(this.recording === "paused" ? "start" : "pause")),
    );
    $("end").addEventListener("click", () => $("end-dialog").showModal());
    $("end-confirm").addEventListener("click", () => {
      $("end-dialog").close();
      this.try(() => this.api.end());
    });
    $("remove-form").addEventListener("submit", (event) => {
      event.preventDefault();
      $("remove-dialog").close();
      const endpoint = $("remove-phone").value;
      const wish = { reason: $("remove-reason").value.trim(), ban: !endpoint && $("remove-ban").checked, endpoint };
      this.try(() => this.api.remove(this.removing, wish));
    });
    // Who may not come back goes with all phones.
    $("remove-phone").addEventListener("change", () => {
      $("remove-ban").disabled = Boolean($("remove-phone").value);
    });
  }

  /** Offers the phones of somebody who is in by several. */
  _choosePhone(phones) {
    const all = new Option(gettext("All phones"), "");
    $("remove-phone").replaceChildren(all, ...phones.map((phone) => new Option(phoneWords(phone), phone.entity)));
    $("remove-which").hidden = phones.length < 2;
    $("remove-ban").disabled = false;
  }

  /** Whom "mute all but" leaves as they are: those whose hands are up, to begin with. */
  _chooseSpared() {
    const people = this.roster().people();
    const others = people.filter(({ roles, calling }) => !calling && !roles.some((role) => COMMANDS.has(role)));
    $("spare-list").replaceChildren(
      ...others.map(({ entity, name, hand, muted }) => {
        const item = $("spare-row").content.firstElementChild.cloneNode(true);
        const box = item.querySelector("input");
        box.value = entity;
        box.checked = hand;
        item.querySelector("[data-part=name]").textContent = name;
        item.querySelector("[data-part=state]").textContent = muted ? gettext("muted") : "";
        return item;
      }),
    );
    $("spare-none").hidden = others.length > 0;
    $("spare-confirm").disabled = others.length === 0;
    $("spare-dialog").showModal();
  }

  /** A button at somebody's tile. */
  act(kind, person) {
    if (kind === "lower") {
      this.try(() => this.api.raiseHand(person.entity, false));
      return;
    }
    if (person.calling) {
      this.try(() => this.api.stopCalling(person.entity));
      return;
    }
    if (kind === "mute") {
      this.try(() => (person.muted ? this._open(person) : this.api.setMuted(person.entity, true)));
      return;
    }
    $("remove-name").textContent = person.name;
    $("remove-reason").value = "";
    $("remove-ban").checked = false;
    $("remove-guest").hidden = !/^sip:guest-/.test(person.entity);
    this._choosePhone(person.phones);
    this.removing = person.entity;
    $("remove-dialog").showModal();
  }

  /** Nobody opens a microphone that its owner has closed; he is asked to. */
  async _open(person) {
    try {
      await this.api.setMuted(person.entity, false);
    } catch {
      await this.api.askToSpeak(person.entity);
      notice(gettext("%(name)s is asked to speak.", { name: person.name }), "warn");
    }
  }

  showRecording(recording) {
    this.recording = recording;
    $("record").dataset.on = String(Boolean(recording));
    $("record-words").textContent = recording ? gettext("End recording") : gettext("Record");
    setIcon($("record"), recording ? "stop-circle" : "record-circle");
    $("pause").hidden = !recording;
    $("pause-words").textContent = recording === "paused" ? gettext("Go on recording") : gettext("Pause");
    setIcon($("pause"), recording === "paused" ? "record-circle" : "pause-circle");
  }

  showHands(raised) {
    $("lower-hands").hidden = !raised;
  }

  showWaitingRoom(kept) {
    $("keep-waiting").setAttribute("aria-pressed", String(kept));
  }

  showNewcomers(how) {
    $("newcomers").setAttribute("aria-pressed", String(how !== "heard"));
  }

  showLocked(locked) {
    $("lock").dataset.on = String(locked);
    $("lock-words").textContent = locked ? gettext("Unlock") : gettext("Lock");
    setIcon($("lock"), locked ? "unlock-fill" : "lock-fill");
  }

  async try(act) {
    try {
      await act();
    } catch (error) {
      notice(error.message, "bad");
    }
  }
}
