// Everything that the room and the phone say about what went wrong or how it ended.

import { gettext, locale } from "../words.js";

/** The `text` of a Reason header for SIP (RFC 3326), e.g. of a BYE; else "". */
export function reasonOf(message) {
  for (const value of message?.getHeaders?.("Reason") ?? []) {
    const text = /^\s*SIP\b[^"]*;\s*text\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/i.exec(value);
    if (text) return (text[1] ?? text[2]).replace(/\\(.)/g, "$1");
  }
  return "";
}

const at = (seconds) =>
  new Date(Date.now() + seconds * 1000).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" });

/** One phone of somebody who is in by several; a browser's address says nothing (RFC 7118 5). */
export function phoneWords({ entity, since }) {
  const address = entity.replace(/^sips?:/, "").replace(/^[^@]*@/, "").split(";")[0];
  const browser = address.endsWith(".invalid") || /;transport=wss?\b/i.test(entity);
  const phone = browser ? gettext("Browser phone") : address;
  if (!since) return phone;
  // Two phones may have come in one minute.
  const time = since.toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return gettext("%(phone)s, since %(at)s", { phone, at: time });
}

/** What the focus says in its Reason and the page knows in other languages. */
const SAID = {
  "There is no such conference": () => gettext("There is no such conference"),
  "The conference is not open yet": () => gettext("The conference is not open yet"),
  "The conference is over": () => gettext("The conference is over"),
  "The conference is full": () => gettext("The conference is full"),
  "All ports of this server are taken": () => gettext("All ports of this server are taken"),
  "The conference is locked": () => gettext("The conference is locked"),
  "You are not on the list": () => gettext("You are not on the list"),
  "You were removed and may not come back": () => gettext("You were removed and may not come back"),
  "Wrong PIN too often": () => gettext("Wrong PIN too often"),
  "This target may not be called": () => gettext("This target may not be called"),
  "You have had too many people called": () => gettext("You have had too many people called"),
  "You may not do this here": () => gettext("You may not do this here"),
  "This conference may not be recorded": () => gettext("This conference may not be recorded"),
  "The caller does not answer": () => gettext("The caller does not answer"),
  "No answer": () => gettext("No answer"),
  "No description came": () => gettext("No description came"),
};

/** A Reason's text in the language of the page, where it is one of the focus's. */
const said = (text) => SAID[text]?.() ?? text;

/** The BYE of a server that is being restarted: the call is made again. */
export const restarting = (reason) => reason === "The server is stopping";

/** Refusals after which pressing the button once more can only fail again. */
const FINAL = [403, 404, 410];

/** Answers of the door, likewise: nothing that one could do again changes them. */
const SHUT = ["banned", "not-invited", "over", "unknown", "not-allowed"];

/** Whether it is worth while to knock once more at a door that was shut by `refusal`. */
export const mayKnock = (refusal) => !SHUT.includes(refusal);

/** What the button says: nobody who was never in joins *again*. */
export const againWords = (wasIn) => (wasIn ? gettext("Join again") : gettext("Try again"));

/** Final responses to the INVITE: title and what to do about it. */
const REFUSALS = {
  401: () => [gettext("Your way in has expired"), gettext("Load this page again and join once more.")],
  403: ({ reason }) => [
    reason ? said(reason) : gettext("You may not come in"),
    gettext("Ask the organizer or a moderator to let you in."),
  ],
  404: () => [gettext("There is no such conference"), gettext("Check the address, or ask the person who sent it.")],
  408: () => [gettext("No answer"), gettext("Parley did not answer in time. Try again.")],
  410: () => [gettext("This conference is over"), gettext("There is nothing to join any more.")],
  415: () => noAudio(),
  480: ({ retryAfter, phrase }) => {
    if (retryAfter) {
      return [gettext("It has not started yet"), gettext("The doors open at %(time)s.", { time: at(retryAfter) })];
    }
    if (/no phone/i.test(phrase)) {
      return [gettext("No phone is on there"), gettext("Nobody can be reached at that address right now.")];
    }
    return [gettext("Not reachable right now"), gettext("Try again in a little while.")];
  },
  486: ({ reason }) =>
    /full/i.test(reason)
      ? [gettext("The conference is full"), gettext("Try again when somebody has left.")]
      : [gettext("Busy"), gettext("The line is taken. Try again later.")],
  488: () => noAudio(),
  603: () => [gettext("Declined"), gettext("The other side does not want to talk now.")],
  503: () => [gettext("Parley is very busy"), gettext("Wait a moment, then try again.")],
};

const noAudio = () => [
  gettext("This browser cannot join"),
  gettext("It and the conference have no kind of audio in common."),
];

export function refusal({ status, reason, phrase, retryAfter, cause }) {
  if (REFUSALS[status]) {
    const [title, text] = REFUSALS[status]({ retryAfter, reason, phrase });
    return { title, text, again: !FINAL.includes(status) || /locked/.test(reason) };
  }
  if (cause === "User Denied Media Access") {
    return { title: gettext("No microphone"), text: microphone("NotAllowedError").text, again: true };
  }
  if (cause === "Connection Error" || cause === "Request Timeout") {
    const text = gettext("Parley cannot be reached. Check your network, then try again.");
    return { title: gettext("No connection"), text, again: true };
  }
  const text = gettext("Try again. If it happens once more, tell the organizer.");
  return { title: gettext("Joining did not work"), text, reason: said(reason), again: true };
}

/** What getUserMedia's errors mean to a person (Media Capture and Streams 10.2). */
const MICROPHONE = {
  NotAllowedError: () => [
    gettext("The microphone is blocked"),
    gettext("Allow it in your browser’s address bar, then press “Try again”."),
  ],
  NotFoundError: () => [
    gettext("No microphone found"),
    gettext("Plug one in, then press “Try again”. You can also just listen."),
  ],
  NotReadableError: () => [
    gettext("The microphone is busy"),
    gettext("Another program holds it. Close that one, then press “Try again”."),
  ],
  OverconstrainedError: () => [gettext("That microphone is gone"), gettext("Choose another one.")],
  SecurityError: () => [
    gettext("The microphone is blocked"),
    gettext("This browser or its owner does not allow it here. You can still listen."),
  ],
  InsecureContext: () => [
    gettext("No microphone without HTTPS"),
    gettext("Browsers give microphones to secure pages alone. Open this page by its https:// address. You can still listen."),
  ],
};

const broken = () => [
  gettext("The microphone does not work"),
  gettext("Press “Try again”, or choose another one. You can also just listen."),
];

export function microphone(name) {
  const [title, text] = (MICROPHONE[name] ?? broken)();
  return { title, text };
}

/** What a removal's text says: `{by, reason, ban}`, or null for another text. */
function removal(text) {
  const found = /^Removed(?: by (.+?))?(?:: (.*?))?(?:\. (You may not come back)\.)?$/.exec(text ?? "");
  return found && { by: found[1] ?? "", reason: found[2] ?? "", ban: Boolean(found[3]) };
}

/** What it says to whoever waited in vain: `{by, reason, ban}`, or null for another text. */
function turnedAway(text) {
  const found = /^(.+?) did not let you in(?:: (.*?))?(?:\. (You may not come back)\.)?$/.exec(text ?? "");
  return found && { by: found[1], reason: found[2] ?? "", ban: Boolean(found[3]) };
}

/** What the text of an end for all says: `{by}`, or null for another text. */
function ending(text) {
  const found = /^The conference (?:was ended by (.+)|is over)$/.exec(text ?? "");
  return found && { by: found[1] ?? "" };
}

/** An address as one reads it, where no name is known. */
export const bare = (uri) => uri.replace(/^(sips?|tel):/i, "").replace(/@.*/, "");

/** What Parley says to a phone whose person has taken the call to another. */
const MOVED = "Moved to another phone";

/**
 * How a call ended, out of what the BYE said and what Parley's records say;
 * `nameOf` knows the names of those who were in the call; `ends` says that the
 * conference was ours and does not outlast us.
 */
export function farewell({ by, reason }, standing, nameOf, ends = false) {
  if (by === "self") return ownLeaving(ends);
  if (reason === MOVED) {
    const text = gettext("It goes on there. You can also come back here.");
    return { state: "left", title: gettext("The call is on your other phone"), text, again: true };
  }
  const away = turnedAway(reason);
  if (away) return turnedAwayWords(away);
  const removed = standing ? standing.removed : removal(reason);
  if (removed) return removedWords(removed, nameOf);
  const ended = standing ? standing.ended && { by: standing.ended_by } : ending(reason);
  if (ended) return endedWords(ended, Boolean(standing?.again), nameOf);
  const text = gettext("The other side hung up.");
  return { state: "left", title: gettext("The call has ended"), text, reason: said(reason), again: true };
}

function turnedAwayWords({ by, reason, ban }) {
  const title = gettext("%(who)s did not let you in", { who: by });
  const text = ban ? gettext("You may not come back.") : gettext("You can ask once more.");
  return { state: "failed", title, reason, text, again: !ban };
}

function ownLeaving(ends) {
  const text = ends
    ? gettext("With you the conference has ended.")
    : gettext("The conference goes on without you.");
  return { state: "left", title: gettext("You have left"), text, again: !ends };
}

function removedWords({ by, reason, ban }, nameOf) {
  const who = by && (nameOf(by) ?? bare(by));
  return {
    state: "removed",
    title: who ? gettext("%(who)s removed you", { who }) : gettext("A moderator removed you"),
    text: ban
      ? gettext("You may not come back to this conference.")
      : gettext("You may come back if you want to."),
    reason,
    again: !ban,
  };
}

function endedWords({ by }, again, nameOf) {
  const who = by && (nameOf(by) ?? bare(by));
  return {
    state: "left",
    title: who ? gettext("%(who)s ended the conference", { who }) : gettext("The conference has ended"),
    text: again
      ? gettext("It is over for everybody who was in it. The room stays: you may come in again.")
      : gettext("It is over for everybody."),
    again,
  };
}

/** A conference in which two were left has become a call between them. */
export const PARTED = {
  notice: (name) =>
    gettext("You and %(name)s are the only ones left: the conference is over, and your call goes on.", { name }),
  over: () => ({
    state: "left",
    title: gettext("The call has ended"),
    text: gettext("The conference was over before."),
    again: false,
  }),
};

/** Why somebody could not be called in, by the status of the job; `name` is whom. */
const OUTCOMES = {
  0: (name) => gettext("The call to %(name)s was not made", { name }),
  403: (name) => gettext("%(name)s does not take this call", { name }),
  404: (name) => gettext("There is no %(name)s to call", { name }),
  408: (name) => gettext("%(name)s did not answer", { name }),
  480: (name, reason) =>
    /no phone/i.test(reason)
      ? gettext("%(name)s has no phone that is on right now", { name })
      : gettext("%(name)s is not reachable right now", { name }),
  486: (name, reason) =>
    /full/i.test(reason)
      ? gettext("The conference is full; %(name)s was not called", { name })
      : gettext("%(name)s is busy", { name }),
  487: (name) => gettext("The call to %(name)s was given up", { name }),
  488: (name) => gettext("%(name)s’s phone and the conference have no kind of audio in common", { name }),
  600: (name) => gettext("%(name)s is busy", { name }),
  603: (name) => gettext("%(name)s declined", { name }),
  604: (name) => gettext("There is no %(name)s to call", { name }),
};

export function callOutcome({ state, status, reason }, name) {
  if (state === "cancelled") return gettext("The call to %(name)s was given up", { name });
  const words = OUTCOMES[status ?? 0];
  if (words) return words(name, reason ?? "");
  if (reason) return gettext("The call to %(name)s did not work: %(reason)s", { name, reason });
  return gettext("The call to %(name)s did not work", { name });
}

/** What is said of a call that rang here and rings no more; null where nobody need be told. */
export function missed({ reason, answered }, title) {
  if (answered) {
    const text = gettext("%(title)s reached you elsewhere.", { title });
    return { title: gettext("Answered on another phone"), text };
  }
  const text = /no answer/i.test(reason)
    ? gettext("It rang until nobody answered.")
    : gettext("They gave up before you answered.");
  return { title: gettext("Missed call: %(title)s", { title }), text, again: true };
}

/** How somebody else's going is told. */
export function departure(person, nameOf) {
  const { name } = person;
  const { disconnected, by, reason } = person.farewell ?? {};
  if (disconnected === "booted") {
    const who = by && (nameOf(by) ?? bare(by));
    const why = removal(reason)?.reason ?? reason;
    if (who && why) return gettext("%(name)s was removed by %(who)s: %(why)s", { name, who, why });
    if (who) return gettext("%(name)s was removed by %(who)s", { name, who });
    if (why) return gettext("%(name)s was removed: %(why)s", { name, why });
    return gettext("%(name)s was removed", { name });
  }
  if (disconnected === "failed") return gettext("%(name)s lost the connection", { name });
  if (disconnected === "busy") return gettext("%(name)s is busy", { name });
  return gettext("%(name)s has left", { name });
}
