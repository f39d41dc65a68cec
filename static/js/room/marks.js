// How well each person is heard and hears, as the mixer measured it: for moderators.

import { gettext, locale } from "../words.js";

const ICONS = { good: "reception-4", fair: "reception-2", poor: "reception-1" };
const ORDER = ["poor", "fair", "good", "unknown"];

const WORDS = {
  good: () => gettext("good"),
  fair: () => gettext("fair"),
  poor: () => gettext("poor"),
  unknown: () => gettext("quality not known"),
};

/** From the REST API's participants: address to `{grade, icon, words, details}`. */
export function marks(participants) {
  return new Map(participants.map(({ entity, endpoints }) => [entity, worst(endpoints)]));
}

/** Of several phones of a person the one that goes worst. */
function worst(endpoints) {
  const known = endpoints.map(({ quality }) => quality).filter(Boolean);
  known.sort((one, other) => ORDER.indexOf(one.grade) - ORDER.indexOf(other.grade));
  const grade = known[0]?.grade ?? "unknown";
  return {
    grade,
    icon: ICONS[grade] ?? "reception-0",
    words: WORDS[grade](),
    details: known[0] && grade !== "unknown" ? details(known[0]) : "",
  };
}

function details({ loss_in, loss_out, round_trip }) {
  const number = new Intl.NumberFormat(locale(), { maximumFractionDigits: 1 });
  const values = {
    lost: number.format(Math.max(loss_in ?? 0, loss_out ?? 0)),
    trip: number.format(round_trip ?? 0),
  };
  if (loss_out === null) return gettext("%(lost)s % lost; what the phone hears is not known", values);
  if (round_trip === null) return gettext("%(lost)s % lost", values);
  return gettext("%(lost)s % lost, %(trip)s ms there and back", values);
}
