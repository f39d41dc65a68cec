// The call as one is in it: who is there, who speaks, and what one can do.
//
// The room and the phone show the same call, by the elements of
// templates/room/line.html and call.html. An `InCall` is made for those that
// stand on the page now; it is given a line (`attach`), and told when a call on
// it is up (`joined`) and over (`over`).

import { Chat } from "./chat.js";
import { Hosting } from "./hosting.js";
import { Inviting } from "./inviting.js";
import { marks } from "./marks.js";
import { Moderation } from "./moderation.js";
import { Moving } from "./moving.js";
import { $, notice, say, setIcon } from "./page.js";
import { Quality } from "./quality.js";
import { Queue, Waiting } from "./queue.js";
import { RosterView } from "./roster-view.js";
import { Sounds, showSound } from "./sounds.js";
import { talkers } from "./speaking.js";
import { Voice } from "./voice.js";
import { Watcher } from "./watcher.js";
import { PARTED, departure } from "./words.js";
import { gettext, ngettext } from "../words.js";

const SPEAKING_EVERY_MS = 150;
const WRITTEN_MS = 500;
const QUALITY_EVERY_MS = 2_000;
const MARKS_EVERY_MS = 8_000;
/** How often it is looked whether a renewed roster lacks us; how often it has to, and how long. */
const LOOK_MS = 500;
const MISSED_LOOKS = 2;
const MOST_LOOKS = 40;

const QUALITY_ICONS = { good: "reception-4", fair: "reception-2", poor: "reception-1", silent: "wifi-off" };

/** A call to something that is no conference of ours: nobody to moderate, nothing to watch. */
export const PLAIN = { conference: null, commands: false, adds: false, moves: false };

function recordingWords({ recording, tracks }, me) {
  if (recording === "paused") return gettext("The recording is paused.");
  const words = [gettext("This conference is being recorded.")];
  if (tracks) words.push(gettext("Each voice is also kept on a track of its own."));
  if (me?.leftOut) words.push(gettext("Your voice is left out until you agree."));
  return words.join(" ");
}

/** What a call with one other person has no use for. */
const OF_A_CONFERENCE =
  ".hosting, .outgoing, #alone, #chat, #chat-button, #hand, #move, #recording, #sounding, #asked, #silenced, #locked, #crowd";

export class InCall {
  /**
   * `config` is what portal/views/in_call.py says of the conference, or `PLAIN`;
   * `waits(isSo)` hears when the wait to be let in begins and ends.
   */
  constructor({ config, sound, muted = false, waits = () => undefined }) {
    this.waits = waits;
    this.waiting = config.conference ? new Waiting(config.waiting_room) : null;
    this.queue = config.commands ? new Queue(config.api, config.csrf) : null;
    this.config = config;
    this.sound = sound;
    this.known = null;
    /** Who has been in it: address → name. */
    this.met = new Map();
    this.quality = new Quality();
    this.api = config.conference && new Moderation(config.api, config.csrf);
    this.voice = new Voice({
      sound,
      muted,
      commands: config.commands,
      tell: (off) => this.api?.setMuted(this.own, off),
      look: () => this._roster(),
    });
    this.hosting = config.commands
      ? new Hosting(config.api, config.csrf, () => this.watcher.roster)
      : null;
    this.sounds = config.commands ? new Sounds(config.api, config.csrf) : null;
    this.chat = config.conference ? new Chat(config.conference.uri) : null;
    this.moving = config.moves ? new Moving(config.api, config.csrf) : null;
    this.inviting = config.adds ? new Inviting(config, () => this.watcher.roster.people()) : null;
  }

  /** Listens to the buttons that are on the page. */
  start() {
    this.voice.start();
    this.hosting?.start();
    this.sounds?.start();
    this.queue?.start();
    this.inviting?.start();
    this.moving?.start();
    this.chat?.start();
    $("leave").addEventListener("click", () => this.phone.hangUp());
    if (this.api) {
      $("hand").addEventListener("click", () =>
        this._wish((api) => api.raiseHand(this.own, !this.hand)),
      );
      $("agree").addEventListener("click", () =>
        this._wish((api) => api.agreeToRecording(this.own)),
      );
      $("speak").addEventListener("click", () =>
        this._wish(async (api) => {
          await api.setMuted(this.own, false);
          this.voice.set(false);
        }),
      );
    }
    $("keys").addEventListener("click", () => $("keypad").showModal());
    $("devices").addEventListener("click", () => $("devices-dialog").showModal());
    for (const key of document.querySelectorAll("[data-key]")) {
      key.addEventListener("click", () => this._key(key.dataset.key));
    }
    $("keypad").addEventListener("keydown", (event) => {
      if (/^[0-9*#]$/.test(event.key)) this._key(event.key);
    });
  }

  /** From now on calls are made by `phone`, under the name of `account`. */
  attach(phone, account) {
    this.watcher?.stop();
    this.phone = phone;
    this.account = account;
    /** Who we are in the roster. */
    this.own = account.uri;
    this.sound.phone = phone;
    $("roster").replaceChildren();
    this.view = new RosterView($("roster"), $("tile"), {
      own: this.own,
      commands: this.config.commands,
      act: (kind, person) => this.hosting.act(kind, person),
    });
    if (!this.config.conference) return;
    this.chat.attach(phone);
    this.inviting?.attach(phone);
    this.watcher = new Watcher(phone.ua, this.config.conference.uri);
    this.watcher.addEventListener("roster", () => this._roster());
  }

  /** The call is up; `anonymous` says that we are shown without our name. */
  joined({ anonymous = false } = {}) {
    this.anonymous = anonymous;
    this.since ??= Date.now();
    this.voice.joined(this.phone);
    this.sound.applySpeaker(this.phone);
    this.known = null;
    this.watcher?.start();
    // The focus says so in a moment; until then what the page knew when it was made.
    if (this.config.waits && !this.let) this._wait(0);
    clearInterval(this.beat);
    clearInterval(this.look);
    this.beat = setInterval(() => this._beat(), SPEAKING_EVERY_MS);
    this.look = setInterval(() => this._quality(), QUALITY_EVERY_MS);
    clearInterval(this.others);
    if (this.config.commands) this.others = setInterval(() => this._marks(), MARKS_EVERY_MS);
    $("mute").focus({ preventScroll: true });
  }

  /** The conference is over, and its call goes on with `other` alone (RFC 4245 3.3). */
  parted(other) {
    const name = this.names()(other.uri) ?? other.name;
    this.watcher.stop();
    this.inviting?.stop();
    this.api = null;
    this.voice.tell = () => undefined;
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    for (const part of document.querySelectorAll(OF_A_CONFERENCE)) part.hidden = true;
    $("roster").replaceChildren();
    this.view = new RosterView($("roster"), $("tile"), { own: this.own, commands: false });
    this.showOther({ entity: other.uri, name });
    notice(PARTED.notice(name));
    say(PARTED.notice(name));
  }

  /** It is over, however it ended. */
  over() {
    clearInterval(this.beat);
    clearInterval(this.look);
    clearInterval(this.others);
    clearInterval(this.looking);
    this.watcher?.stop();
    this.inviting?.stop();
    this.queue?.stop();
    this.waiting?.hide();
    this.since = null;
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  }

  /** The line is back: the focus may have forgotten the subscription. */
  renew() {
    this.watcher?.renew();
  }

  /** Whether the roster says by now that we are not in the call any more. */
  get forgotten() {
    const roster = this.watcher?.roster;
    if (this.watcher?.pending) return roster.place === 0;
    if (!roster || roster.version === null) return false;
    return !roster.people().some((person) => person.entity === this.own);
  }

  /** The line was cut: does `act` if the roster that was asked for by `renew` comes without us. */
  ifForgotten(act) {
    clearInterval(this.looking);
    let looks = 0;
    let missed = 0;
    this.looking = setInterval(() => {
      looks += 1;
      missed = this.forgotten ? missed + 1 : 0;
      const heard = this.watcher?.pending || (this.watcher?.roster.version ?? null) !== null;
      if (looks < MOST_LOOKS && (missed ? missed < MISSED_LOOKS : !heard)) return;
      clearInterval(this.looking);
      if (missed) act();
    }, LOOK_MS);
  }

  /** From an address to the name under which the roster has shown it last. */
  names() {
    return (entity) => this.met.get(entity);
  }

  /** Who is at the other end where nothing tells a roster. */
  showOther(other) {
    const nothing = { roles: [], calling: false, held: false, muted: false, sources: [] };
    const own = { ...nothing, entity: this.account.uri, name: this.account.display_name };
    this.view.show([own, { ...nothing, ...other }]);
  }

  _roster() {
    const roster = this.watcher?.roster;
    if (!roster || roster.version === null) return;
    if (this.watcher.pending) {
      this._wait(roster.place);
      return;
    }
    this._letIn();
    this.queue?.show(roster.queue());
    const people = roster.people();
    const now = new Map(people.map((person) => [person.entity, person]));
    this._tellChanges(now);
    for (const person of people) this.met.set(person.entity, person.name);
    this.known = now;
    this.view.show(people);
    this.inviting?.seen(people);
    const count = people.filter((person) => !person.calling).length;
    $("count").textContent = ngettext("%(count)s person", "%(count)s people", count);
    $("alone").hidden = people.length > 1 || roster.queue().length > 0;
    $("locked").hidden = !roster.locked;
    this.hosting?.showLocked(roster.locked);
    this.hosting?.showWaitingRoom(roster.waitingRoom);
    this.hosting?.showNewcomers(roster.newcomers);
    this.hosting?.showRecording(roster.recording);
    this.hosting?.showHands(people.some((person) => person.hand));
    showSound(roster.sound);
    const me = now.get(this.own);
    this._floor(roster, me);
    if (me) this.voice.shown(me.muted);
    else if (this.anonymous) this._findMyself();
  }

  /** We wait to be let in, as the `place`-th. */
  _wait(place) {
    if (this.waiting.here && place) say(gettext("You are number %(place)s in line.", { place }));
    const begins = !this.waiting.here;
    this.waiting.show(place);
    if (begins) this.waits(true);
  }

  /** We are in, if we have waited. */
  _letIn() {
    this.let = true;
    if (!this.waiting?.here) return;
    this.waiting.hide();
    this.since = Date.now();
    this.waits(false);
  }

  /** Whoever joined without his name stands in the roster under an alias. */
  async _findMyself() {
    if (this.looking) return;
    this.looking = true;
    const own = await this.api?.ownEntity().catch(() => undefined);
    this.looking = false;
    if (!own || own === this.own) {
      // What the phones are told is written down a moment later.
      setTimeout(() => this.since && this._roster(), WRITTEN_MS);
      return;
    }
    this.own = own;
    this.view.iAm(own);
    this._roster();
  }

  /** What is asked of oneself, and that it is recorded. */
  _floor({ recording, tracks }, me) {
    $("recording").hidden = !recording;
    $("recording-words").textContent = recordingWords({ recording, tracks }, me);
    $("agree").hidden = !me?.leftOut;
    const asked = Boolean(me?.asked && me.muted);
    $("asked").hidden = !asked;
    // He is muted still, but no longer by a moderator: the one note says it all.
    $("silenced").hidden = asked || !this.voice.silenced;
    this.hand = Boolean(me?.hand);
    $("hand").dataset.on = String(this.hand);
    $("hand-words").textContent = this.hand ? gettext("Lower hand") : gettext("Raise hand");
  }

  async _wish(act) {
    try {
      await act(this.api);
    } catch (error) {
      notice(error.message, "bad");
    }
  }

  _tellChanges(now) {
    if (!this.known) return;
    for (const [entity, person] of now) {
      const before = this.known.get(entity);
      if (entity !== this.own && !person.calling && (!before || before.calling)) {
        say(gettext("%(name)s has joined", { name: person.name }));
      }
    }
    for (const [entity, before] of this.known) {
      if (now.has(entity) || entity === this.own || before.calling) continue;
      say(departure({ ...before, farewell: this.watcher.roster.farewell(entity) }, this.names()));
    }
  }

  _beat() {
    const own = this.voice.silenced ? 0 : this.sound.voice;
    this.view.speak(talkers(this.phone.connection), own);
    const seconds = Math.floor((Date.now() - this.since) / 1000);
    const two = (part) => String(part).padStart(2, "0");
    const hours = Math.floor(seconds / 3600);
    const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    $("clock").textContent = hours ? `${hours}:${rest}` : rest;
  }

  async _quality() {
    if (!this.phone.connection) return;
    const { grade, words } = await this.quality.measure(this.phone.connection);
    if ($("quality").dataset.grade === grade) return;
    $("quality").dataset.grade = grade;
    $("quality-words").textContent = words;
    setIcon($("quality"), QUALITY_ICONS[grade] ?? "reception-2");
  }

  /** How well the others are heard and hear, for those who may do something about it. */
  async _marks() {
    if (document.hidden) return;
    const there = await this.api.participants().catch(() => null);
    if (there && this.since) this.view.mark(marks(there));
  }

  _key(digit) {
    try {
      this.phone.key(digit);
      $("keyed").textContent = ($("keyed").textContent + digit).slice(-16);
    } catch {
      notice(gettext("This call takes no keypad tones."), "warn");
    }
  }
}

/** For tests and the curious; nothing in it can be changed from outside. */
export function debugView({ state, phone, inCall }) {
  return Object.freeze({
    get state() {
      return state();
    },
    get session() {
      return phone()?.session ?? null;
    },
    get roster() {
      return inCall()?.watcher?.roster.people() ?? [];
    },
    async stats() {
      const connection = phone()?.connection;
      return connection ? [...(await connection.getStats()).values()] : [];
    },
  });
}

/** Browsers may hold sound back until somebody touches the page; then it plays. */
export function unlockSound() {
  document.addEventListener("pointerdown", async () => {
    const audio = $("remote-audio");
    if (!audio.srcObject || !audio.paused) return;
    try {
      await audio.play();
      notice("");
    } catch {
      // The browser wants another kind of gesture; the notice still says so.
    }
  });
}
