// Conference-info documents (RFC 4575) into a roster.
//
// `Roster.receive(text)` takes the body of a NOTIFY and answers with what became
// of it: "taken", "old" (a version that we have passed) or "gap" (we have missed
// one: ask for the full state again, RFC 4575 4.6). Elements carry state "full"
// (replace), "partial" (merge) or "deleted"; users and endpoints are keyed by
// `entity`, media by `id`.

const NS = "urn:ietf:params:xml:ns:conference-info";

/** Ours: a recording, raised hands, and who is left out of the recording. */
const FLOOR = "urn:parley:xml:ns:floor";

/** Endpoint states (5.7.2) of somebody who is not in yet. */
const CALLING = new Set(["pending", "dialing-out", "dialing-in", "alerting"]);

const children = (element, name) =>
  Array.from(element.children).filter(
    (child) => child.namespaceURI === NS && child.localName === name,
  );
const child = (element, name) => children(element, name)[0];
const mark = (element, name) =>
  Array.from(element.children).find(
    (one) => one.namespaceURI === FLOOR && one.localName === name,
  );
const textOf = (element, name) => child(element, name)?.textContent.trim();
const stateOf = (element) => element.getAttribute("state") ?? "full";

/** Text elements of `element` that are there, under the names of `fields`. */
function present(element, fields) {
  const found = {};
  for (const [field, name] of Object.entries(fields)) {
    const text = textOf(element, name);
    if (text !== undefined) found[field] = text;
  }
  return found;
}

/** Applies the keyed children called `name` to the map `known`; `gone` hears of deleted ones. */
function mergeKeyed(known, element, { name, key, read, gone }) {
  for (const item of children(element, name)) {
    const id = item.getAttribute(key);
    if (id === null) continue;
    if (stateOf(item) === "deleted") {
      gone?.(id, item);
      known.delete(id);
    }
    else known.set(id, read(item, stateOf(item) === "partial" ? known.get(id) : undefined, id));
  }
  return known;
}

function readMedia(element, before) {
  return {
    ...before,
    ...present(element, { type: "type", label: "label", source: "src-id", status: "status" }),
  };
}

function readEndpoint(element, before, entity) {
  const left = child(element, "disconnection-info");
  return {
    ...before,
    entity,
    ...present(element, {
      status: "status",
      joined: "joining-method",
      since: "joining-info",
      disconnected: "disconnection-method",
    }),
    ...(left ? present(left, { reason: "reason", by: "by" }) : {}),
    media: mergeKeyed(new Map(before?.media), element, { name: "media", key: "id", read: readMedia }),
  };
}

/** Somebody who waits to be let in: his id, and his place where he is told it himself. */
function readWaiting(element) {
  const waiting = mark(element, "waiting");
  if (!waiting) return null;
  return { id: waiting.getAttribute("id"), place: Number(waiting.getAttribute("place") ?? 0) };
}

function readUser(element, before, entity) {
  const roles = child(element, "roles");
  return {
    roles: before?.roles ?? [],
    name: before?.name ?? "",
    entity,
    ...present(element, { name: "display-text" }),
    // Whoever's marks have changed is told in full.
    ...(stateOf(element) === "partial"
      ? { hand: before?.hand, asked: before?.asked, leftOut: before?.leftOut, waiting: before?.waiting, speaking: before?.speaking, level: before?.level }
      : {
          waiting: readWaiting(element),
          hand: Boolean(mark(element, "hand")),
          asked: Boolean(mark(element, "asked-to-speak")),
          leftOut: Boolean(mark(element, "left-out")),
          speaking: Boolean(mark(element, "speaking")),
          level: Number(mark(element, "speaking")?.getAttribute("level") ?? Number.NaN),
        }),
    ...(roles ? { roles: children(roles, "entry").map((entry) => entry.textContent.trim()) } : {}),
    endpoints: mergeKeyed(new Map(before?.endpoints), element, {
      name: "endpoint",
      key: "entity",
      read: readEndpoint,
    }),
  };
}

/** How a deleted user went: the endpoint that says so, as the focus sends it along. */
function farewellIn(user) {
  const told = children(user, "endpoint").map((endpoint) => readEndpoint(endpoint, undefined, ""));
  return told.find((endpoint) => endpoint.disconnected);
}

/** What a user looks like on the page, out of all his endpoints. */
export function summary(user) {
  const endpoints = [...user.endpoints.values()];
  const here = endpoints.filter((endpoint) => endpoint.status !== "disconnected");
  const connected = here.filter((endpoint) => !CALLING.has(endpoint.status));
  const audio = connected.flatMap((endpoint) =>
    [...endpoint.media.values()].filter((media) => media.type === "audio"),
  );
  return {
    entity: user.entity,
    waiting: user.waiting,
    since: here[0]?.since ? new Date(here[0].since) : null,
    name: user.name || user.entity.replace(/^sips?:/, "").replace(/@.*/, ""),
    roles: user.roles,
    hand: Boolean(user.hand),
    asked: Boolean(user.asked),
    leftOut: Boolean(user.leftOut),
    speaking: Boolean(user.speaking),
    level: user.level ?? Number.NaN,
    gone: endpoints.length > 0 && here.length === 0,
    calling: here.length > 0 && connected.length === 0,
    ringing: connected.length === 0 && here.some((endpoint) => endpoint.status === "alerting"),
    held: connected.length > 0 && connected.every((endpoint) => endpoint.status === "on-hold"),
    muted:
      audio.length > 0 &&
      audio.every((media) => media.status === "recvonly" || media.status === "inactive"),
    phones: connected.map(({ entity, since }) => ({ entity, since: since ? new Date(since) : null })),
    sources: audio.map((media) => Number(media.source)).filter((source) => source > 0),
    farewell: endpoints.find((endpoint) => endpoint.disconnected),
  };
}

export class Roster {
  constructor() {
    this.forget();
  }

  /** Back to knowing nothing, before a new subscription. */
  forget() {
    this.version = null;
    this.users = new Map();
    this.departed = new Map();
    this.locked = false;
    this.waitingRoom = false;
    this.newcomers = "heard";
    this.recording = "";
    this.tracks = false;
    this.sound = null;
    this.title = "";
  }

  receive(text) {
    const root = new DOMParser().parseFromString(text, "application/xml").documentElement;
    if (root.namespaceURI !== NS || root.localName !== "conference-info") return "gap";
    const version = Number(root.getAttribute("version"));
    const state = stateOf(root);
    if (this.version !== null && version <= this.version) return "old";
    if (state === "partial" && (this.version === null || version !== this.version + 1)) return "gap";
    this.version = version;
    this._apply(root, state);
    return "taken";
  }

  _apply(root, state) {
    if (state === "deleted") {
      this.users.clear();
      return;
    }
    this.departed = new Map();
    const users = child(root, "users");
    if (state === "full" || (users && stateOf(users) === "full" && users.hasAttribute("state"))) {
      this.users = new Map();
    }
    if (users && stateOf(users) === "deleted") this.users.clear();
    else if (users) {
      const gone = (entity, user) => this.departed.set(entity, farewellIn(user));
      mergeKeyed(this.users, users, { name: "user", key: "entity", read: readUser, gone });
    }
    const now = child(root, "conference-state");
    const locked = now && textOf(now, "locked");
    if (locked) this.locked = locked === "true" || locked === "1";
    if (now) this.waitingRoom = Boolean(mark(now, "waiting-room"));
    if (now) this.newcomers = mark(now, "newcomers")?.textContent.trim() ?? "heard";
    if (now) {
      const recorded = mark(now, "recording");
      this.recording = recorded?.textContent.trim() ?? "";
      this.tracks = recorded?.getAttribute("tracks") === "true";
      const sound = mark(now, "sound");
      this.sound = sound
        ? { title: sound.textContent.trim(), by: sound.getAttribute("by") ?? "" }
        : null;
    }
    const description = child(root, "conference-description");
    if (description) this.title = textOf(description, "display-text") ?? this.title;
  }

  /** How somebody went, where the last document told it: `{disconnected, by, reason}`. */
  farewell(entity) {
    const user = this.users.get(entity);
    return user ? summary(user).farewell : this.departed.get(entity);
  }

  /** Those who are here or being called, in the order in which they came. */
  people() {
    return this._all().filter((person) => !person.waiting);
  }

  /** Those who wait to be let in, where we may see them: `[{id, entity, name, since}]`. */
  queue() {
    const waiting = this._all().filter((person) => person.waiting);
    return waiting.map(({ entity, name, since, waiting: { id } }) => ({ id, entity, name, since }));
  }

  /** Our own place in the queue: 0 where we do not wait. */
  get place() {
    return this._all().reduce((place, { waiting }) => waiting?.place || place, 0);
  }

  _all() {
    return [...this.users.values()].map(summary).filter((person) => !person.gone);
  }
}
