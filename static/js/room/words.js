// Everything that the room and the phone say about what went wrong or how it ended.

/** The `text` of a Reason header for SIP (RFC 3326), e.g. of a BYE; else "". */
export function reasonOf(message) {
  for (const value of message?.getHeaders?.("Reason") ?? []) {
    const text = /^\s*SIP\b[^"]*;\s*text\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/i.exec(value);
    if (text) return (text[1] ?? text[2]).replace(/\\(.)/g, "$1");
  }
  return "";
}

const at = (seconds) =>
  new Date(Date.now() + seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

/** The BYE of a server that is being restarted: the call is made again. */
export const restarting = (reason) => reason === "The server is stopping";

/** Refusals after which pressing the button once more can only fail again. */
const FINAL = [403, 404, 410];

/** Answers of the door, likewise: nothing that one could do again changes them. */
const SHUT = ["banned", "not-invited", "over", "unknown", "not-allowed"];

/** Whether it is worth while to knock once more at a door that was shut by `refusal`. */
export const mayKnock = (refusal) => !SHUT.includes(refusal);

/** What the button says: nobody who was never in joins *again*. */
export const againWords = (wasIn) => (wasIn ? "Join again" : "Try again");

/** Final responses to the INVITE: title and what to do about it. */
const REFUSALS = {
  401: () => ["Your way in has expired", "Load this page again and join once more."],
  403: ({ reason }) => [
    reason || "You may not come in",
    "Ask the organizer or a moderator to let you in.",
  ],
  404: () => ["There is no such conference", "Check the address, or ask the person who sent it."],
  408: () => ["No answer", "Parley did not answer in time. Try again."],
  410: () => ["This conference is over", "There is nothing to join any more."],
  415: () => ["This browser cannot join", "It and the conference have no kind of audio in common."],
  480: ({ retryAfter, phrase }) => {
    if (retryAfter) return ["It has not started yet", `The doors open at ${at(retryAfter)}.`];
    if (/no phone/i.test(phrase)) return ["No phone is on there", "Nobody can be reached at that address right now."];
    return ["Not reachable right now", "Try again in a little while."];
  },
  486: ({ reason }) =>
    /full/i.test(reason)
      ? ["The conference is full", "Try again when somebody has left."]
      : ["Busy", "The line is taken. Try again later."],
  488: () => ["This browser cannot join", "It and the conference have no kind of audio in common."],
  603: () => ["Declined", "The other side does not want to talk now."],
  503: () => ["Parley is very busy", "Wait a moment, then try again."],
};

export function refusal({ status, reason, phrase, retryAfter, cause }) {
  if (REFUSALS[status]) {
    const [title, text] = REFUSALS[status]({ retryAfter, reason, phrase });
    return { title, text, again: !FINAL.includes(status) || /locked/.test(reason) };
  }
  if (cause === "User Denied Media Access") return { title: "No microphone", text: microphone("NotAllowedError").text, again: true };
  if (cause === "Connection Error" || cause === "Request Timeout") {
    return { title: "No connection", text: "Parley cannot be reached. Check your network, then try again.", again: true };
  }
  return { title: "Joining did not work", text: "Try again. If it happens once more, tell the organizer.", reason, again: true };
}

/** What getUserMedia's errors mean to a person (Media Capture and Streams 10.2). */
const MICROPHONE = {
  NotAllowedError: ["The microphone is blocked", "Allow it in your browser’s address bar, then press “Try again”."],
  NotFoundError: ["No microphone found", "Plug one in, then press “Try again”. You can also just listen."],
  NotReadableError: ["The microphone is busy", "Another program holds it. Close that one, then press “Try again”."],
  OverconstrainedError: ["That microphone is gone", "Choose another one."],
  SecurityError: ["The microphone is blocked", "This browser or its owner does not allow it here. You can still listen."],
  InsecureContext: ["No microphone without HTTPS", "Browsers give microphones to secure pages alone. Open this page by its https:// address. You can still listen."],
};

export function microphone(name) {
  const [title, text] = MICROPHONE[name] ?? ["The microphone does not work", "Press “Try again”, or choose another one. You can also just listen."];
  return { title, text };
}

/** What a removal's text says: `{by, reason, ban}`, or null for another text. */
function removal(text) {
  const found = /^Removed(?: by (.+?))?(?:: (.*?))?(?:\. (You may not come back)\.)?$/.exec(text ?? "");
  return found && { by: found[1] ?? "", reason: found[2] ?? "", ban: Boolean(found[3]) };
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
  if (by === "self" && ends) return { state: "left", title: "You have left", text: "With you the conference has ended.", again: false };
  if (by === "self") return { state: "left", title: "You have left", text: "The conference goes on without you.", again: true };
  if (reason === MOVED) return { state: "left", title: "The call is on your other phone", text: "It goes on there. You can also come back here.", again: true };
  const removed = standing ? standing.removed : removal(reason);
  if (removed) {
    const { by: who, reason: why, ban } = removed;
    return {
      state: "removed",
      title: `${(who && (nameOf(who) ?? bare(who))) || "A moderator"} removed you`,
      text: ban ? "You may not come back to this conference." : "You may come back if you want to.",
      reason: why,
      again: !ban,
    };
  }
  const ended = standing ? standing.ended && { by: standing.ended_by } : ending(reason);
  if (ended) {
    const again = Boolean(standing?.again);
    const who = ended.by && (nameOf(ended.by) ?? bare(ended.by));
    return {
      state: "left",
      title: who ? `${who} ended the conference` : "The conference has ended",
      text: again ? "It is over for everybody who was in it. The room stays: you may come in again." : "It is over for everybody.",
      again,
    };
  }
  return { state: "left", title: "The call has ended", text: "The other side hung up.", reason, again: true };
}

/** Why somebody could not be called in, by the status of the job; `name` is whom. */
const OUTCOMES = {
  0: (name) => `The call to ${name} was not made`,
  403: (name) => `${name} does not take this call`,
  404: (name) => `There is no ${name} to call`,
  408: (name) => `${name} did not answer`,
  480: (name, reason) =>
    /no phone/i.test(reason) ? `${name} has no phone that is on right now` : `${name} is not reachable right now`,
  486: (name, reason) =>
    /full/i.test(reason) ? `The conference is full; ${name} was not called` : `${name} is busy`,
  487: (name) => `The call to ${name} was given up`,
  488: (name) => `${name}’s phone and the conference have no kind of audio in common`,
  600: (name) => `${name} is busy`,
  603: (name) => `${name} declined`,
  604: (name) => `There is no ${name} to call`,
};

export function callOutcome({ state, status, reason }, name) {
  if (state === "cancelled") return `The call to ${name} was given up`;
  const words = OUTCOMES[status ?? 0];
  if (words) return words(name, reason ?? "");
  return `The call to ${name} did not work${reason ? `: ${reason}` : ""}`;
}

/** What is said of a call that rang here and rings no more; null where nobody need be told. */
export function missed({ reason, answered }, title) {
  if (answered) return { title: "Answered on another phone", text: `${title} reached you elsewhere.` };
  const text = /no answer/i.test(reason) ? "It rang until nobody answered." : "They gave up before you answered.";
  return { title: `Missed call: ${title}`, text, again: true };
}

/** How somebody else's going is told. */
export function departure(person, nameOf) {
  const { disconnected, by, reason } = person.farewell ?? {};
  if (disconnected === "booted") {
    const who = by ? ` by ${nameOf(by) ?? bare(by)}` : "";
    const why = removal(reason)?.reason ?? reason;
    return `${person.name} was removed${who}${why ? `: ${why}` : ""}`;
  }
  if (disconnected === "failed") return `${person.name} lost the connection`;
  if (disconnected === "busy") return `${person.name} is busy`;
  return `${person.name} has left`;
}
